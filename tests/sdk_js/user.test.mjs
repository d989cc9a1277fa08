// How a user behaves, against a server in memory.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { ConnectionLost, Kicked, LoginRefused, MIMCError, NotLoggedIn, Refused, TimedOut, TokenRefused } from "../../sdk/js/build/modules/errors.js";
import * as schemas from "../../sdk/js/build/modules/schemas.js";
import { MIMCUser } from "../../sdk/js/build/modules/user.js";
import { APP_ID, GroupPacketType, PacketType, Server, settle, until, UUID } from "./scripted.mjs";

const users = [];
const said = [];
for (const name of ["warn", "error"]) console[name] = (...words) => said.push(words.join(" "));

afterEach(() => {
  for (const user of users.splice(0)) user.close();
  said.length = 0;
});

function setUp(options) {
  const server = new Server();
  const user = server.user(options);
  users.push(user);
  return { server, user };
}

async function setUpOnline(options) {
  const { server, user } = setUp(options);
  await user.login();
  return { server, user };
}

const acksOf = (connection) =>
  connection.packets(PacketType.SEQUENCE_ACK).map(({ payload }) => schemas.MIMCSequenceAck.decode(payload).sequence);

// ---------------------------------------------------------------- as the original

test("a page of the original SDK logs in, sends and is told", async () => {
  const { server, user } = setUp();
  const told = [];
  user.registerStatusChange((...words) => told.push(words));
  user.registerServerAckHandler((...words) => told.push(words));
  user.registerP2PMsgHandler((message) => told.push([message.getFromAccount(), message.getPayload()]));
  user.registerGroupMsgHandler((message) => told.push([message.getTopicId(), message.getPayload()]));
  user.registerDisconnHandler(() => told.push(["gone"]));

  user.login();
  await until(() => user.isLogin());
  const packetId = user.sendMessage("bob", "hello");
  await until(() => server.last.packets(PacketType.P2P_MESSAGE).length === 1);
  server.last.ack(packetId, { sequence: "17" });
  server.last.list(["20", "hi"], ["21", "all", "99"]);
  await until(() => told.length === 4);
  user.logout();
  await until(() => told.length === 5);

  assert.equal(typeof packetId, "string");
  assert.deepEqual(told, [[true, null, null, null], [packetId, "17", "5", ""], ["bob", "hi"], ["99", "all"], ["gone"]]);
  assert.equal(user.isLogin(), false);
  assert.equal(user.getUuid(), UUID);
  assert.equal(user.getAppAccount(), "alice");
});

test("before a login, and after a logout, sending throws", async () => {
  const { user } = setUp();
  assert.throws(() => user.sendMessage("bob", "x"), NotLoggedIn);
  await assert.rejects(user.send("bob", "x"), NotLoggedIn);

  await user.login();
  await user.logout();

  assert.throws(() => user.sendGroupMessage("1", "x"), NotLoggedIn);
  assert.throws(() => user.pull(), NotLoggedIn);
});

test("a token service that refuses is told by the status handler", async () => {
  const { user } = setUp();
  const told = [];
  user.registerStatusChange((...words) => told.push(words));
  user.registerFetchToken(() => ({ code: 403, message: "who are you" }));

  await assert.rejects(user.login(), TokenRefused);

  assert.deepEqual(told, [[false, "get token failed", "token info code:403", "token info message:who are you"]]);
  assert.equal(user.status, "offline");
});

test("a token for somebody else is not used", async () => {
  const { server, user } = setUp();
  user.registerFetchToken(() => {
    const answer = server.tokenAnswer();
    answer.data.appAccount = "bob";
    return answer;
  });
  const told = [];
  user.registerStatusChange((...words) => told.push(words));
  user.login();
  await until(() => server.tokens >= 2 && told.length > 0);

  assert.equal(server.connections.length, 0);
  assert.deepEqual(told[0], [false, "get token failed", "the token answer is for another account", ""]);
});

test("a token answer may be text, and numbers in it may be numbers", async () => {
  const { server, user } = setUp();
  user.registerFetchToken(async () => {
    const answer = server.tokenAnswer();
    answer.data.miUserId = Number(UUID);
    return JSON.stringify(answer);
  });

  await user.login();

  assert.equal(user.getUuid(), UUID);
});

test("arguments that cannot be used are refused at once", () => {
  const { user } = setUp();
  const options = { endpoints: { websocketUrl: "ws://h/" } };
  assert.throws(() => new MIMCUser(2882303761500000001, "a", "r", options), MIMCError);
  assert.throws(() => new MIMCUser(APP_ID, "", "r", options), MIMCError);
  assert.throws(() => new MIMCUser(APP_ID, "a", "r".repeat(129), options), MIMCError);
  assert.throws(() => new MIMCUser(APP_ID, "a", "r"), /endpoints/);
  user.login();
  assert.throws(() => user.sendMessage("bob", "x".repeat(65_537)), MIMCError);
  assert.throws(() => user.sendGroupMessage("12x", "x"), MIMCError);
  assert.throws(() => user.sendGroupMessage(9007199254740993, "x"), MIMCError);
});

// ---------------------------------------------------------------- receiving

test("each message is shown once, in order, one after the other, and acknowledged afterwards", async () => {
  const { server, user } = await setUpOnline();
  const shown = [];
  let release;
  user.on("message", async (message) => {
    shown.push(message.text);
    if (message.text === "a") await new Promise((resolve) => (release = resolve));
  });

  server.last.list(["1", "a"], ["2", "b"]);
  server.last.list(["1", "a"], ["2", "b"], ["3", "c"]);
  await settle();
  assert.deepEqual(shown, ["a"]);
  assert.deepEqual(acksOf(server.last), []);
  release();
  await until(() => acksOf(server.last).length === 2);

  assert.deepEqual(shown, ["a", "b", "c"]);
  assert.deepEqual(acksOf(server.last), ["2", "3"]);
});

test("a listener that is registered right after the login misses nothing", async () => {
  const { server, user } = setUp();
  const bind = server.onBind;
  server.onBind = (connection) => {
    bind.call(server, connection);
    connection.list(["1", "early"]);
  };
  const shown = [];

  await user.login();
  user.on("message", ({ text }) => shown.push(text));
  await until(() => shown.length > 0);

  assert.deepEqual(shown, ["early"]);
});

test("what a listener could not take comes again, and nothing overtakes it", async () => {
  const { server, user } = await setUpOnline();
  const shown = [];
  let failures = 2;
  user.on("message", ({ text }) => {
    if (text === "b" && failures-- > 0) throw new Error("not now");
    shown.push(text);
  });
  server.onPacket = (connection, { type }) => {
    if (type === PacketType.PULL) connection.list(["2", "b"], ["3", "c"]);
  };

  server.last.list(["1", "a"], ["2", "b"], ["3", "c"]);
  await until(() => acksOf(server.last).length === 1);

  assert.deepEqual(shown, ["a", "b", "c"]);
  assert.deepEqual(acksOf(server.last), ["3"]);
  assert.equal(server.last.packets(PacketType.PULL).length, 2);
});

test("an old handler that throws has had its message", async () => {
  const { server, user } = await setUpOnline();
  const shown = [];
  user.registerP2PMsgHandler((message) => {
    shown.push(message.getPayload());
    throw new Error("no JSON");
  });

  server.last.list(["1", "a"], ["2", "b"]);
  await until(() => acksOf(server.last).length === 1);

  assert.deepEqual(shown, ["a", "b"]);
});

test("a list for another device is left alone", async () => {
  const { server, user } = await setUpOnline();
  user.on("message", () => assert.fail("shown"));

  server.last.compound({ uuid: "0", resource: "", maxSequence: "0" });
  server.last.compound({ resource: "phone", maxSequence: "5" });
  await settle();

  assert.deepEqual(acksOf(server.last), []);
});

test("bytes arrive as bytes, and characters beyond the BMP as they are", async () => {
  const { server, user } = await setUpOnline();
  const messages = [];
  user.on("message", (message) => messages.push(message));

  server.last.list(["1", new Uint8Array([0, 255, 128])], ["2", "\u{1F389}"]);
  await until(() => messages.length === 2);

  assert.deepEqual(messages[0].payload, new Uint8Array([0, 255, 128]));
  assert.equal(messages[1].getPayload(), "\u{1F389}");
});

test("too many waiting messages are told, and acknowledged unless the page says false", async () => {
  const { server, user } = await setUpOnline();
  const told = [];
  let answer = Promise.resolve(false);
  user.registerPullNotificationHandler((...range) => {
    told.push(range);
    return answer;
  });

  server.last.compound({ status: 2, minSequence: "5", maxSequence: "9" });
  await until(() => told.length === 1);
  await settle();
  assert.deepEqual(acksOf(server.last), []);
  answer = true;
  server.last.compound({ status: 2, minSequence: "5", maxSequence: "9" });
  await until(() => acksOf(server.last).length === 1);

  assert.deepEqual(told, [["5", "9"], ["5", "9"]]);
  assert.deepEqual(acksOf(server.last), ["9"]);
});

test("lists beyond the bound are asked for again, in order", async () => {
  const { server, user } = await setUpOnline({ settings: { maxQueuedMessages: 2 } });
  const shown = [];
  let release;
  const gate = new Promise((resolve) => (release = resolve));
  user.on("message", async ({ text }) => {
    shown.push(text);
    await gate;
  });
  server.onPacket = (connection, { type }) => {
    if (type === PacketType.PULL) connection.list(["4", "d"], ["5", "e"]);
  };

  server.last.list(["1", "a"], ["2", "b"], ["3", "c"]);
  server.last.list(["4", "d"]);
  server.last.list(["5", "e"]);
  release();
  await until(() => shown.length === 5);

  assert.deepEqual(shown, ["a", "b", "c", "d", "e"]);
});

// ---------------------------------------------------------------- sending

test("send gives a receipt, or the server's refusal", async () => {
  const { server, user } = await setUpOnline();
  server.onPacket = (connection, { type, packetId }) => {
    if (type === PacketType.P2P_MESSAGE) connection.ack(packetId, { sequence: "8" });
    if (type === PacketType.P2T_MESSAGE) connection.ack(packetId, { sequence: "0", code: 404, errorMsg: "no such topic" });
  };

  const receipt = await user.send("bob", new Uint8Array([1]), { bizType: "x", isStore: false, wantsIndex: true });
  const refusal = await user.sendToTopic("99", "x", { packetId: "mine" }).catch((error) => error);

  assert.equal(receipt.sequence, "8");
  assert.equal(receipt.timestampMs, 5);
  const [sent] = server.last.packets(PacketType.P2P_MESSAGE);
  assert.equal(sent.conversation, true);
  const body = schemas.MIMCP2PMessage.decode(sent.payload);
  assert.deepEqual([body.bizType, body.isStore, body.payload], ["x", false, new Uint8Array([1])]);
  assert.ok(refusal instanceof Refused);
  assert.deepEqual([refusal.code, refusal.text, refusal.packetId], [404, "no such topic", "mine"]);
});

test("what has no receipt is sent again after a reconnect, in order, under the same packet id", async () => {
  const { server, user } = await setUpOnline();
  const first = user.sendMessage("bob", "1");
  const second = user.send("bob", "2", { packetId: "second" });
  await until(() => server.last.packets(PacketType.P2P_MESSAGE).length === 2);
  server.last.close();
  const third = user.sendMessage("bob", "3");
  await until(() => server.connections.length === 2 && server.last.packets(PacketType.P2P_MESSAGE).length === 3);

  const again = server.last.packets(PacketType.P2P_MESSAGE).map(({ packetId }) => packetId);
  assert.deepEqual(again, [first, "second", third]);
  for (const packetId of again) server.last.ack(packetId);
  await second;
  server.last.close();
  await until(() => server.connections.length === 3 && user.isLogin());
  await settle();
  assert.deepEqual(server.last.packets(PacketType.P2P_MESSAGE), []);
});

test("what is sent before the login is complete waits for it", async () => {
  const { server, user } = setUp();
  user.login();
  const packetId = user.sendMessage("bob", "soon");
  await until(() => server.last?.packets(PacketType.P2P_MESSAGE).length === 1);

  assert.equal(server.last.packets(PacketType.P2P_MESSAGE)[0].packetId, packetId);
});

test("no receipt in time is an unknown outcome, and ends the resending", async () => {
  const { server, user } = await setUpOnline();
  await assert.rejects(user.send("bob", "x", { timeoutMs: 20 }), TimedOut);
  server.last.close();
  await until(() => server.connections.length === 2 && user.isLogin());
  await settle();

  assert.deepEqual(server.last.packets(PacketType.P2P_MESSAGE), []);
});

test("the queue has a bound, and a packet id is sent once at a time", async () => {
  const { user } = await setUpOnline({ settings: { maxUnacknowledged: 2 } });
  user.send("bob", "1", { packetId: "a" }).catch(() => undefined);
  await assert.rejects(user.send("bob", "1", { packetId: "a" }), MIMCError);
  user.sendMessage("bob", "2");
  assert.throws(() => user.sendMessage("bob", "3"), MIMCError);
});

test("changing the array afterwards does not change the message", async () => {
  const { server, user } = await setUpOnline();
  const bytes = new Uint8Array([1]);
  user.suspend();
  user.sendMessage("bob", bytes);
  bytes[0] = 2;
  user.resume();
  await until(() => server.last.packets(PacketType.P2P_MESSAGE).length === 1);

  const [sent] = server.last.packets(PacketType.P2P_MESSAGE);
  assert.deepEqual(schemas.MIMCP2PMessage.decode(sent.payload).payload, new Uint8Array([1]));
});

// ---------------------------------------------------------------- staying online

test("a server that is not there is tried until it is", async () => {
  const { server, user } = setUp();
  server.isUp = false;
  const login = user.login();
  await settle();
  server.isUp = true;
  await login;

  assert.equal(user.status, "online");
});

test("a connection that goes silent is given up", async () => {
  const { server, user } = await setUpOnline({ settings: { pingIntervalMs: 10, deadAfterMs: 20 } });
  await until(() => server.last.commands().includes("PING"));
  await settle();
  assert.equal(server.connections.length, 1);
  server.pongs = false;
  await until(() => server.connections.length >= 2);
  server.pongs = true;
  await until(() => user.isLogin());
});

test("a server that does not greet is given up", async () => {
  const { server, user } = setUp({ settings: { connectTimeoutMs: 10 } });
  server.greets = false;
  user.login();
  await until(() => server.connections.length >= 2);
  server.greets = true;
  await until(() => user.isLogin());
});

for (const refusal of [["token-expired", "token-expired"], ["auto", "invalid-token"]]) {
  test(`a token that is refused as ${refusal} is fetched anew`, async () => {
    const { server, user } = await setUpOnline();
    server.refusals = [refusal];
    server.last.close();
    await until(() => server.tokens === 2 && user.isLogin());

    assert.equal(user.getToken(), "token-2");
  });
}

test("a reconnect uses the same token", async () => {
  const { server, user } = await setUpOnline();
  server.last.close();
  await until(() => server.connections.length === 2 && user.isLogin());

  assert.equal(server.tokens, 1);
});

test("a first login that is refused for good ends there, with the server's words", async () => {
  const { server, user } = setUp();
  const told = [];
  user.registerStatusChange((...words) => told.push(words));
  server.refusals = [["cancel", "account-banned"]];

  const error = await user.login().catch((reason) => reason);

  assert.ok(error instanceof LoginRefused);
  assert.equal(error.reason, "account-banned");
  assert.deepEqual(told, [[false, "cancel", "account-banned", "no"]]);
  assert.equal(server.connections.length, 1);
});

test("a kick for the same resource is final; other kicks are not", async () => {
  const { server, user } = await setUpOnline();
  server.last.kick("token-expired");
  await until(() => server.connections.length === 2 && user.isLogin());
  assert.equal(server.tokens, 2);

  const waiting = user.send("bob", "x").catch((error) => error);
  server.last.kick("single-resource-kick");
  await until(() => user.status === "offline");
  await settle();

  assert.equal(server.connections.length, 2);
  assert.ok((await waiting) instanceof Kicked);
});

test("with reconnect false a lost connection stays lost until login", async () => {
  const { server, user } = await setUpOnline({ reconnect: false });
  let gone = 0;
  user.registerDisconnHandler(() => (gone += 1));
  server.last.close();
  await until(() => user.status === "offline");
  await settle();
  assert.deepEqual([server.connections.length, gone], [1, 1]);

  await user.login();

  assert.equal(server.connections.length, 2);
});

test("logging in twice is logging in once, also from the disconnect handler", async () => {
  const { server, user } = setUp();
  user.registerDisconnHandler(() => user.login());
  await Promise.all([user.login(), user.login()]);
  assert.equal(server.connections.length, 1);
  server.last.close();
  await until(() => server.connections.length === 2 && user.isLogin());
  await settle();

  assert.equal(server.connections.length, 2);
});

test("a new object of the same device takes the place of the old one", async () => {
  const { server, user } = await setUpOnline();
  const shown = [];
  user.on("message", () => shown.push("old"));
  const other = server.user();
  users.push(other);
  other.on("message", () => shown.push("new"));
  await other.login();
  server.last.list(["1", "x"]);
  await until(() => shown.length > 0);

  assert.equal(user.status, "offline");
  assert.deepEqual(shown, ["new"]);
});

test("suspended, a user stays away and loses nothing", async () => {
  const { server, user } = await setUpOnline();
  const states = [];
  user.on("status", ({ status }) => states.push(status));
  user.suspend();
  user.sendMessage("bob", "later");
  await settle();
  assert.equal(server.connections.length, 1);
  user.resume();
  await until(() => server.last.packets(PacketType.P2P_MESSAGE).length === 1);

  assert.deepEqual(states, ["suspended", "connecting", "online"]);
});

test("logout tells the server, and ends what waits", async () => {
  const { server, user } = await setUpOnline();
  const waiting = user.send("bob", "x").catch((error) => error);
  await user.logout();

  assert.ok(server.last.commands().includes("UBND"));
  assert.ok((await waiting) instanceof NotLoggedIn);
  await settle();
  assert.equal(server.connections.length, 1);
});

test("a server that breaks the protocol is left", async () => {
  const { server, user } = await setUpOnline();
  server.last.socket.deliver(new Uint8Array([1, 2, 3]));
  await until(() => server.connections.length === 2 && user.isLogin());
});

// ---------------------------------------------------------------- unlimited groups, online messages

test("joining is answered to the promise, and to the handler with its context", async () => {
  const { server, user } = await setUpOnline();
  const told = [];
  user.registerUCJoinRespHandler((...words) => told.push(words));
  user.registerUCQuitRespHandler((...words) => told.push(words));
  server.onPacket = (connection, { type, group }) => {
    if (type !== PacketType.UC_PACKET) return;
    const answers = { [GroupPacketType.JOIN]: GroupPacketType.JOIN_RESP, [GroupPacketType.QUIT]: GroupPacketType.QUIT_RESP };
    if (!(group.type in answers)) return;
    const { topicId } = schemas.UCRequest.decode(group.payload).group;
    const code = topicId === "4" ? 404 : 0;
    const body = schemas.UCResponse.encode({ group: { appId: APP_ID, topicId }, code, message: "m" });
    connection.group(answers[group.type], body, group.packetId);
  };

  user.joinUnlimitedGroup("3", "mine");
  await until(() => told.length === 1);
  await user.quitGroup("3");
  const refusal = await user.joinGroup("4").catch((error) => error);

  assert.deepEqual(told[0], ["3", 0, "m", "mine"]);
  assert.deepEqual(told[1], ["3", 0, "m", undefined]);
  assert.equal(refusal.code, 404);
});

test("messages of an unlimited group are shown once and acknowledged per group", async () => {
  const { server, user } = await setUpOnline();
  const shown = [];
  let failures = 1;
  user.on("unlimitedMessage", ({ text }) => {
    if (text === "b" && failures-- > 0) throw new Error("not now");
    shown.push(text);
  });

  server.last.groupList("7", ["1", "a"], ["2", "b"]);
  server.last.groupList("7", ["2", "b"]);
  server.last.groupList("8", ["1", "c"]);
  await until(() => server.last.packets(PacketType.UC_PACKET, GroupPacketType.SEQ_ACK).length === 3);

  assert.deepEqual(shown, ["a", "b", "c"]);
  const acks = server.last
    .packets(PacketType.UC_PACKET, GroupPacketType.SEQ_ACK)
    .map(({ group }) => schemas.UCSequenceAck.decode(group.payload))
    .map(({ group, sequence }) => [group.topicId, sequence]);
  assert.deepEqual(acks, [["7", "2"], ["7", "2"], ["8", "1"]]);
});

test("the server is told of the groups a device is in, after a reconnect too", async () => {
  const { server, user } = await setUpOnline();
  user.on("unlimitedMessage", () => undefined);
  server.last.groupList("7", ["1", "a"]);
  await settle();
  server.last.close();
  await until(() => server.connections.length === 2 && server.last.packets(PacketType.UC_PACKET, GroupPacketType.PING).length > 0);

  const [ping] = server.last.packets(PacketType.UC_PACKET, GroupPacketType.PING);
  assert.deepEqual(schemas.UCPing.decode(ping.group.payload).group, [{ appId: APP_ID, topicId: "7" }]);
});

test("the end of an unlimited group is told", async () => {
  const { server, user } = await setUpOnline();
  const told = [];
  user.registerUCDismissHandler((id) => told.push(id));
  user.on("dismissed", ({ groupId }) => told.push(groupId));

  server.last.group(GroupPacketType.DISMISS, schemas.UCRequest.encode({ group: { appId: APP_ID, topicId: "7" } }));
  await until(() => told.length === 2);

  assert.deepEqual(told, ["7", "7"]);
});

test("an online message is answered when a listener has had it, and only then", async () => {
  const { server, user } = await setUpOnline();
  const body = schemas.MIMCP2PMessage.encode({
    from: { appAccount: "bob", uuid: "7", resource: "phone" },
    to: { appAccount: "alice" },
    payload: new Uint8Array([33]),
  });
  const acks = () => server.last.packets(PacketType.ONLINE_MESSAGE_ACK);
  server.last.secure(PacketType.ONLINE_MESSAGE, body, { packetId: "unheard" });
  await settle();
  assert.equal(acks().length, 0);

  user.on("onlineMessage", ({ text }) => text);
  server.last.secure(PacketType.ONLINE_MESSAGE, body, { packetId: "heard" });
  await until(() => acks().length === 1);

  const ack = schemas.MIMCOnlineMessageAck.decode(acks()[0].payload);
  assert.deepEqual(ack, { packetId: "heard", uuid: "7", resource: "phone", code: 1, errorMsg: "RECEIVED" });
});

test("an online message needs a connection, and its receipt may be waited for", async () => {
  const { server, user } = await setUpOnline();
  server.onPacket = (connection, { type, packetId }) => {
    if (type !== PacketType.ONLINE_MESSAGE || packetId === "lost") return;
    const code = packetId === "refused" ? 429 : 1;
    connection.secure(PacketType.ONLINE_MESSAGE_ACK, schemas.MIMCOnlineMessageAck.encode({ packetId, code }));
  };

  assert.equal((await user.sendOnlineAndWait("bob", "typing")).code, 1);
  await assert.rejects(user.sendOnlineAndWait("bob", "x", { packetId: "refused" }), Refused);
  await assert.rejects(user.sendOnlineAndWait("bob", "x", { packetId: "lost", timeoutMs: 10 }), TimedOut);
  user.suspend();
  await until(() => !user.isConnected());
  assert.throws(() => user.sendOnline("bob", "typing"), ConnectionLost);
});

// ---------------------------------------------------------------- seeing packets

test("the tap sees each packet, without secrets, and cannot break anything", async () => {
  const seen = [];
  const { server, user } = await setUpOnline({
    onPacket: (direction, command, summary) => {
      seen.push([direction, command, summary.kind, JSON.stringify(summary)]);
      throw new Error("a broken tap");
    },
  });
  user.on("message", () => undefined);
  server.last.list(["1", "hi"]);
  await until(() => acksOf(server.last).length === 1);

  const words = seen.map(([direction, command, kind]) => [direction, command, kind].join(" ").trim());
  for (const packet of ["out CONN", "in CONN", "out BIND", "in BIND", "in SECMSG COMPOUND", "out SECMSG SEQUENCE_ACK"]) {
    assert.ok(words.includes(packet), packet);
  }
  assert.ok(seen.every(([, , , text]) => !text.includes("token-1")));
});
