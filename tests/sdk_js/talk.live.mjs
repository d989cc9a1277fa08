// Two users, one server: what an app does in its ordinary life.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { call, newUser, server, token, until, WebSocket } from "./live.mjs";

const users = [];
after(() => Promise.all(users.map((user) => user.logout())));

let number = 0;
async function two(options) {
  number += 1;
  const alice = newUser(`alice${number}`, "node", options);
  const bob = newUser(`bob${number}`);
  users.push(alice, bob);
  await Promise.all([alice.login(), bob.login()]);
  return { alice, bob };
}

test("text beyond the BMP, bytes, labels and indexes arrive as they were sent", async () => {
  const { alice, bob } = await two();
  const got = [];
  bob.on("message", (message) => got.push(message));
  const text = "Grüße, \u4f60\u597d \u{1F389}\u{1F469}\u200d\u{1F680}";
  const first = await alice.send(bob.getAppAccount(), text, { bizType: "\u{1F3F7}", wantsIndex: true });
  const bytes = Uint8Array.from({ length: 65_536 }, (_, i) => i & 255);
  const second = await alice.send(bob.getAppAccount(), bytes, { isStore: false, wantsIndex: true });
  await until(() => got.length === 2);

  assert.equal(got[0].getPayload(), text);
  assert.equal(got[0].bizType, "\u{1F3F7}");
  assert.deepEqual(Buffer.from(got[1].payload), Buffer.from(bytes));
  assert.deepEqual(got.map(({ sequence }) => sequence), [first.sequence, second.sequence]);
  assert.deepEqual(got.map(({ index }) => index), [1, 2]);
  assert.deepEqual([first.index, second.index], [1, 2]);
  assert.equal(got[0].getTimeStamp(), String(first.timestampMs));
});

test("what comes while a device is away is there when it comes back, once and in order", async () => {
  const { alice, bob } = await two();
  const got = [];
  bob.on("message", ({ text }) => got.push(text));
  await bob.logout();
  const sent = Array.from({ length: 120 }, (_, i) => String(i));
  await Promise.all(sent.map((text) => alice.send(bob.getAppAccount(), text)));
  await bob.login();
  await until(() => got.length === sent.length);
  assert.deepEqual(got, sent);

  await bob.logout();
  await bob.login();
  await alice.send(bob.getAppAccount(), "last");
  await until(() => got.includes("last"));
  assert.deepEqual(got, [...sent, "last"]);
});

test("a topic's messages come to its members; strangers are refused", async () => {
  const { alice, bob } = await two();
  const stranger = newUser("stranger");
  users.push(stranger);
  await stranger.login();
  const got = [];
  bob.registerGroupMsgHandler((message) => got.push([message.getTopicId(), message.getPayload()]));
  const { topicInfo } = await call(
    "POST",
    `/api/topic/${server.appId}`,
    { topicName: "climbing", accounts: bob.getAppAccount() },
    { token: alice.getToken(), "content-type": "application/json" },
  );
  await alice.sendToTopic(topicInfo.topicId, "up?");
  await until(() => got.length === 1);

  assert.deepEqual(got, [[topicInfo.topicId, "up?"]]);
  await assert.rejects(stranger.sendToTopic(topicInfo.topicId, "me too"), { name: "Refused", code: 403 });
});

test("an unlimited group, from its making to its end, by the original's methods", async () => {
  const { alice, bob } = await two();
  const told = [];
  for (const [name, user] of Object.entries({ alice, bob })) {
    user.registerUCJoinRespHandler((_id, code, _message, context) => told.push([name, "joined", code, context]));
    user.registerUCQuitRespHandler((_id, code, _message, context) => told.push([name, "quit", code, context]));
    user.registerUCMsgHandler((message) => told.push([name, message.getFromAccount(), message.getPayload()]));
    user.registerUCDismissHandler(() => told.push([name, "dismissed"]));
  }
  const seen = (...entry) => until(() => told.some((each) => JSON.stringify(each) === JSON.stringify(entry)));

  const id = await new Promise((resolve) =>
    alice.createUnlimitedGroup("stadium", (topicId, name, isMade, _text, context) => {
      told.push(["alice", name, isMade, context]);
      resolve(topicId);
    }, "making"),
  );
  await seen("alice", "stadium", true, "making");
  await seen("alice", "joined", 0, "making");
  bob.joinUnlimitedGroup(id, "please");
  await seen("bob", "joined", 0, "please");
  alice.sendUnlimitedGroupMessage(id, "goal \u26bd");
  await seen("bob", alice.getAppAccount(), "goal \u26bd");
  assert.equal(await alice.countOnline(id), 2);
  assert.deepEqual(await bob.listGroups(), [id]);
  bob.quitUnlimitedGroup(id, "bye");
  await seen("bob", "quit", 0, "bye");
  await assert.rejects(bob.sendToUnlimitedGroup(id, "still here"), { name: "Refused" });
  await bob.joinGroup(id);
  alice.dismissUnlimitedGroup(id, (isGone, _id, context) => told.push(["alice", "gone", isGone, context]), "over");
  await seen("alice", "gone", true, "over");
  await seen("bob", "dismissed");
  await assert.rejects(bob.joinGroup(id), { name: "Refused", code: 404 });
});

test("messages of an unlimited group that came while the line was cut come afterwards, once", async () => {
  const { alice, bob } = await two();
  const id = await alice.createGroup("stadium");
  await bob.joinGroup(id);
  const got = [];
  bob.on("unlimitedMessage", ({ text }) => got.push(text));
  await alice.sendToUnlimitedGroup(id, "before");
  await until(() => got.length === 1);
  bob.suspend();
  await alice.sendToUnlimitedGroup(id, "meanwhile");
  bob.resume();
  await until(() => got.length === 2);
  await alice.sendToUnlimitedGroup(id, "after");
  await until(() => got.length === 3);

  assert.deepEqual(got, ["before", "meanwhile", "after"]);
});

test("an online message reaches who is there, and its sender knows", async () => {
  const { alice, bob } = await two();
  const got = [];
  bob.on("onlineMessage", (message) => got.push(message.text));
  const receipt = await alice.sendOnlineAndWait(bob.getAppAccount(), "typing");

  assert.deepEqual(got, ["typing"]);
  assert.equal(receipt.code, 1);
  await assert.rejects(alice.sendOnlineAndWait("nobody", "typing", { timeoutMs: 300 }), { name: "TimedOut" });
});

test("another login of the same device with sso ends this one, for good", async () => {
  const { alice } = await two();
  // Another page: its SDK knows nothing of this one.
  const elsewhere = await import(`${process.env.SDK}?elsewhere`);
  const endpoints = { websocketUrl: `ws://${server.http}/` };
  const other = new elsewhere.MIMCUser(server.appId, alice.getAppAccount(), "node", { WebSocket, endpoints, sso: true });
  other.registerFetchToken(() => token(alice.getAppAccount()));
  users.push(other);
  await other.login();
  await until(() => alice.status === "offline");

  assert.throws(() => alice.sendMessage("bob", "x"), { name: "Kicked", reason: "single-resource-kick" });
  assert.equal(other.isLogin(), true);
});

test("a token that the server does not take is fetched anew", async () => {
  const user = newUser("carol");
  users.push(user);
  let asked = 0;
  user.registerFetchToken(async () => {
    asked += 1;
    const answer = JSON.parse(await token("carol"));
    if (asked === 1) answer.data.token += "x";
    return answer;
  });
  const failures = [];
  user.registerStatusChange((isBound, _type, reason) => failures.push([isBound, reason]));
  // The first token is fresh and refused, which is final; the page tries again.
  await user.login().catch(() => user.login());

  assert.equal(asked, 2);
  assert.deepEqual(failures, [[false, "invalid-token"], [true, null]]);
});

test("what a client sends is what the tap shows", async () => {
  const seen = [];
  const { alice, bob } = await two({ onPacket: (...packet) => seen.push(packet) });
  await alice.send(bob.getAppAccount(), "look");

  const sent = seen.find(([direction, , { kind }]) => direction === "out" && kind === "P2P_MESSAGE");
  assert.equal(sent[2].body.payload.payload, "look");
  assert.ok(seen.some(([direction, , { kind }]) => direction === "in" && kind === "PACKET_ACK"));
  assert.ok(!JSON.stringify(seen).includes(alice.getToken()));
});
