// Digests and text, held against the published vectors and against Node's own.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { findText, fromBase64, textOf, toBase64, utf8 } from "../../sdk/js/build/modules/bytes.js";
import { adler32, rc4, sha1 } from "../../sdk/js/build/modules/ciphers.js";

const vectors = JSON.parse(readFileSync(new URL("../vectors/protocol-vectors.json", import.meta.url)));
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const unhex = (text) => new Uint8Array(Buffer.from(text, "hex"));

test("Adler-32 equals the vectors, long runs included", () => {
  for (const vector of vectors.adler32) {
    const input =
      vector.input_text !== undefined
        ? utf8(vector.input_text)
        : vector.input_hex !== undefined
          ? unhex(vector.input_hex)
          : new Uint8Array(vector.input_hex_is_byte_ff_repeated).fill(255);
    assert.equal(adler32(input).toString(16).padStart(8, "0"), vector.adler32_hex);
  }
});

test("RC4 equals the vectors, and undoes itself", () => {
  for (const vector of vectors.rc4) {
    const key = vector.key_text === undefined ? unhex(vector.key_hex) : utf8(vector.key_text);
    const plain = vector.plain_text === undefined ? unhex(vector.plain_hex) : utf8(vector.plain_text);
    assert.equal(hex(rc4(key, plain)), vector.cipher_hex);
    assert.deepEqual(rc4(key, rc4(key, plain)), plain);
  }
});

test("SHA-1 equals Node's for every length around the block's", () => {
  for (let length = 0; length < 200; length++) {
    const data = Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 255);
    assert.equal(hex(sha1(data)), createHash("sha1").update(data).digest("hex"), `length ${length}`);
  }
});

test("text survives beyond the Basic Multilingual Plane, with a byte order mark, and with NUL", () => {
  for (const text of ["", "hello", "Grüße", "\u4f60\u597d", "\u{1F389}\u{10FFFF}", "\uFEFFmark", "a\0b"]) {
    assert.equal(hex(utf8(text)), Buffer.from(text).toString("hex"));
    assert.equal(textOf(utf8(text)), text);
  }
});

test("bytes that are no text are said to be none", () => {
  assert.equal(findText(new Uint8Array([0xff])), null);
  assert.equal(findText(utf8("\u{1F389}")), "\u{1F389}");
  assert.equal(textOf(new Uint8Array([0x61, 0xff])), "a\uFFFD");
});

test("base64 is the standard, padded one", () => {
  const bytes = unhex("fbff00");
  assert.equal(toBase64(bytes), "+/8A");
  assert.deepEqual(fromBase64("+/8A"), bytes);
  assert.throws(() => fromBase64("*"));
});
