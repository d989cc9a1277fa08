// What the hand-written protobuf writes and reads.

import assert from "node:assert/strict";
import { test } from "node:test";
import { BadPacket, bool, bytes, embedded, int32, int64, message, repeated, string, uint64 } from "../../sdk/js/build/modules/protobuf.js";

const hex = (data) => Buffer.from(data).toString("hex");
const unhex = (text) => new Uint8Array(Buffer.from(text, "hex"));

const Inner = message({ name: string(1) });
const All = message({
  small: int32(1),
  signed: int64(2),
  big: uint64(3),
  flag: bool(4),
  name: string(5),
  data: bytes(6),
  inner: embedded(7, Inner),
  many: repeated(16, Inner),
});

test("what is written is read again, at every bound", () => {
  for (const signed of ["0", "1", "-1", "127", "128", "9007199254740993", "9223372036854775807", "-9223372036854775808"]) {
    for (const big of ["0", "300", "18446744073709551615"]) {
      const values = {
        small: -5,
        signed,
        big,
        flag: true,
        name: "\u{1F389}",
        data: new Uint8Array([0, 255]),
        inner: { name: "" },
        many: [{ name: "a" }, {}],
      };
      assert.deepEqual(All.decode(All.encode(values)), values);
    }
  }
});

test("the bytes are those of the specification", () => {
  assert.equal(hex(All.encode({ small: 150 })), "089601");
  assert.equal(hex(All.encode({ signed: "-1" })), "10ffffffffffffffffff01");
  assert.equal(hex(All.encode({ many: [{ name: "x" }] })), "82010" + "30a0178");
});

test("fields are written in ascending order, whatever the order of the object", () => {
  assert.equal(hex(All.encode({ name: "", small: 1 })), "08012a00");
});

test("undefined is absent, empty is present", () => {
  assert.equal(hex(All.encode({ name: undefined, data: new Uint8Array() })), "3200");
  assert.deepEqual(All.decode(unhex("3200")), { many: [], data: new Uint8Array() });
});

test("unknown fields of all wire types are passed over, and of repeated values the last counts", () => {
  const unknown = ["a00601", "a106" + "00".repeat(8), "a20602abcd", "a506" + "00".repeat(4)].join("");
  assert.deepEqual(All.decode(unhex(unknown + "0801" + "0802")), { small: 2, many: [] });
});

test("a field of another wire type is no field of ours", () => {
  assert.deepEqual(All.decode(unhex("0a0161")), { many: [] });
});

test("what is cut off or no message is refused", () => {
  for (const broken of ["08", "0880", "2a05616263", "0bff", "08" + "ff".repeat(10) + "01", "2affffffff0f"]) {
    assert.throws(() => All.decode(unhex(broken)), BadPacket, broken);
  }
});

test("every cut of a message is refused or read, never an endless loop or another error", () => {
  const whole = All.encode({ small: 1, signed: "-1", name: "name", inner: { name: "x" }, many: [{}, { name: "y" }] });
  for (let end = 0; end < whole.length; end++) {
    try {
      All.decode(whole.subarray(0, end));
    } catch (error) {
      assert.ok(error instanceof BadPacket, String(error));
    }
  }
});
