// Sends on and on while whoever started this kills the server and starts it again; says what arrived.

import { newUser, until } from "./live.mjs";

const COUNT = 300;
const settings = { backoffInitialMs: 50, backoffMaxMs: 200 };
const alice = newUser("alice-of-the-outage", "node", { settings });
const bob = newUser("bob-of-the-outage", "node", { settings });
const got = [];
const acks = [];
let outages = 0;
bob.registerP2PMsgHandler((message) => got.push(message.getPayload()));
alice.registerServerAckHandler((packetId, _sequence, _timestamp, text) => acks.push([packetId, text]));
alice.registerDisconnHandler(() => (outages += 1));
await Promise.all([alice.login(), bob.login()]);

const packetIds = [];
for (let i = 0; i < COUNT; i++) {
  packetIds.push(alice.sendMessage(bob.getAppAccount(), String(i)));
  if (i === 100) process.stdout.write("now\n");
  await new Promise((resolve) => setTimeout(resolve, 2));
}
await until(() => got.length >= COUNT && new Set(acks.map(([id]) => id)).size === COUNT && alice.isLogin());
await alice.send(bob.getAppAccount(), "end");
await until(() => got.includes("end"));
await Promise.all([alice.logout(), bob.logout()]);
const refused = acks.filter(([, text]) => text !== "").length;
process.stdout.write(`${JSON.stringify({ got, outages, refused })}\n`);
