// Packets equal the published vectors, byte by byte, both ways.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { utf8 } from "../../sdk/js/build/modules/bytes.js";
import { rc4 } from "../../sdk/js/build/modules/ciphers.js";
import { pack, unpack } from "../../sdk/js/build/modules/framing.js";
import * as packets from "../../sdk/js/build/modules/packets.js";
import { BadPacket } from "../../sdk/js/build/modules/protobuf.js";
import { ClientHeader } from "../../sdk/js/build/modules/schemas.js";
import { describe } from "../../sdk/js/build/modules/tap.js";

const vectors = JSON.parse(readFileSync(new URL("../vectors/protocol-vectors.json", import.meta.url)));
const { actors, websocket, constants_used: used } = vectors;
const hex = (data) => Buffer.from(data).toString("hex");
const unhex = (text) => new Uint8Array(Buffer.from(text, "hex"));
const framed = ({ header, payload }) => hex(pack(ClientHeader.encode(header), payload));

const alice = {
  appId: actors.appId,
  appPackage: actors.appPackage,
  account: "alice",
  uuid: actors.alice.uuid,
  resource: used.alice_websocket_resource,
  token: actors.alice.token,
  securityKey: actors.alice.securityKey_base64,
};
const idOf = (name) => ClientHeader.decode(unhex(websocket[name].client_header_hex)).id;
const choices = (name, text) => ({ packetId: idOf(name), payload: utf8(text), bizType: "", isStore: true });

const UP = {
  conn: (id) => packets.conn(id, "Netscape", ""),
  bind: (id) => packets.bind(alice, actors.alice.challenge_of_her_connection, id),
  ping: (id) => packets.ping(alice, id),
  unbind: (id) => packets.unbind(alice, id),
  secmsg_p2p_up: () => packets.p2p(alice, "bob", choices("secmsg_p2p_up", "Hello Bob")),
  secmsg_sequence_ack_up: (id) => packets.sequenceAck(alice, id, "17000000001239999"),
  uc_join_up: (id) => packets.askGroup(alice, id, "JOIN", used.topicId),
};

for (const [name, make] of Object.entries(UP)) {
  test(`${name} is sent as the vector says`, () => {
    let packet = make(idOf(name));
    if (name === "secmsg_sequence_ack_up") {
      // The vector acknowledges the list of another vector.
      packet = packets.sequenceAck(alice, idOf(name), read("secmsg_compound_down").maxSequence);
    }
    assert.equal(framed(packet), websocket[name].websocket_packet_hex);
  });
}

for (const vector of vectors.bind_signature.filter((each) => each.client_attrs === "")) {
  test(`the signature equals the vector: ${vector.note}`, () => {
    const identity = { ...alice, uuid: vector.uuid, resource: vector.resource, token: vector.token, securityKey: vector.securityKey_base64 };
    assert.equal(packets.signature(identity, vector.challenge, vector.header_id), vector.sig_base64);
  });
}

test("payload keys equal the vectors", () => {
  for (const { securityKey_base64, header_id, payload_key_hex } of vectors.payload_key) {
    assert.equal(hex(packets.payloadKey(securityKey_base64, header_id)), payload_key_hex);
  }
});

function read(name) {
  const { header, payload } = unpack(unhex(websocket[name].websocket_packet_hex));
  const { cmd, id } = ClientHeader.decode(header);
  return packets.parse(cmd, cmd === "SECMSG" ? rc4(packets.payloadKey(alice.securityKey, id), payload) : payload);
}

test("the greeting's answer is read", () => {
  assert.deepEqual(read("conn_response"), { type: "conn", challenge: actors.alice.challenge_of_her_connection });
});

test("the login's answer is read", () => {
  assert.deepEqual(read("bind_response_ok"), { type: "bind", isAccepted: true, errorType: "", reason: "", description: "" });
});

test("a kick is read, in either of the forms that servers send", () => {
  assert.deepEqual(read("kick"), { type: "kick", errorType: "logout", reason: "logout", description: "logout" });
});

test("an ack is read", () => {
  const ack = read("secmsg_packet_ack_down");
  assert.equal(ack.type, "ack");
  assert.equal(ack.packetId, idOf("secmsg_p2p_up"));
  assert.equal(ack.sequence, used.sequence);
  assert.equal(ack.timestamp, String(used.timestamp_ms));
  assert.equal(ack.code, 0);
});

test("a list is read", () => {
  const list = read("secmsg_compound_down");
  assert.equal(list.uuid, alice.uuid);
  assert.equal(list.resource, alice.resource);
  assert.equal(list.isOverflow, false);
  const [message] = list.messages;
  assert.equal(message.getFromAccount(), "bob");
  assert.equal(message.getFromResource(), actors.bob.resource);
  assert.equal(message.getToAccount(), "alice");
  assert.equal(message.getPayload(), "Hi Alice");
  assert.equal(message.getBizType(), "TEXT");
  assert.equal(message.getPacketId(), "pkt-bob-9");
  assert.equal(message.getSequence(), list.maxSequence);
  assert.equal(message.isStore, true);
});

test("the answer of an unlimited group, and its messages, are read", () => {
  const answer = read("uc_join_resp_down");
  assert.deepEqual([answer.type, answer.request, answer.code, answer.groupId], ["groupAnswer", "JOIN", 0, used.topicId]);
  assert.equal(answer.packetId, idOf("uc_join_up"));
  const list = read("uc_message_list_down");
  assert.deepEqual([list.type, list.groupId], ["groupList", used.topicId]);
  assert.equal(list.messages[0].text, "Hello group");
  assert.equal(list.messages[0].getTopicId(), used.topicId);
  assert.equal(list.messages[0].getSequence(), list.maxSequence);
});

test("a pong needs no reading", () => {
  assert.deepEqual(read("pong"), { type: "other" });
});

test("a damaged or cut packet is refused", () => {
  const packet = unhex(websocket.ping.websocket_packet_hex);
  for (let i = 0; i < packet.length; i++) {
    const damaged = packet.slice();
    damaged[i] ^= 1;
    assert.throws(() => unpack(damaged), BadPacket, `byte ${i}`);
    assert.throws(() => unpack(packet.subarray(0, i)), BadPacket);
  }
});

test("the words for a packet hold no secret", () => {
  for (const [name, vector] of Object.entries(websocket)) {
    const header = ClientHeader.decode(unhex(vector.client_header_hex));
    const direction = /down|response|pong|kick/.test(name) ? "in" : "out";
    const words = JSON.stringify(describe(direction, header, unhex(vector.payload_plain_hex), 1));
    assert.ok(!words.includes("unreadable"), name);
    for (const secret of [alice.token, alice.securityKey, vectors.bind_signature[2].sig_base64]) {
      assert.ok(!words.includes(secret), `${name}: ${words}`);
    }
  }
});

test("the words for a packet say what is in it", () => {
  const vector = websocket.secmsg_compound_down;
  const words = describe("in", ClientHeader.decode(unhex(vector.client_header_hex)), unhex(vector.payload_plain_hex), 7);
  assert.equal(words.kind, "COMPOUND");
  assert.equal(words.bytes, 7);
  assert.equal(words.header.cmd, "SECMSG");
  assert.equal(words.body.payload.packets[0].payload.payload, "Hi Alice");
  const bytes = packets.p2p(alice, "bob", { packetId: "1", payload: new Uint8Array([255, 0]), isStore: true });
  assert.deepEqual(describe("out", bytes.header, bytes.payload, 1).body.payload.payload, { bytes: 2 });
});
