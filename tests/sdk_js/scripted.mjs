// A server in memory, for tests to decide what it says. Each connection is one `WebSocket` of the SDK.

import { rc4 } from "../../sdk/js/build/modules/ciphers.js";
import { utf8 } from "../../sdk/js/build/modules/bytes.js";
import { pack, unpack } from "../../sdk/js/build/modules/framing.js";
import { payloadKey } from "../../sdk/js/build/modules/packets.js";
import * as schemas from "../../sdk/js/build/modules/schemas.js";
import { MIMCUser } from "../../sdk/js/build/modules/user.js";

const SECURITY_KEY = "AAECAwQFBgcICQoLDA0ODw==";
const NOTHING = new Uint8Array();
export const APP_ID = "2882303761500000001";
export const UUID = "70001000000001";
export const { PacketType, GroupPacketType } = schemas;

export const FAST = {
  backoffInitialMs: 1,
  backoffMaxMs: 4,
  handlerRetryMs: 1,
  stableAfterMs: 0,
  logoutTimeoutMs: 200,
};

/** Wait until a condition holds. */
export async function until(condition, what = condition.toString()) {
  for (let i = 0; i < 1000; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`never came true: ${what}`);
}

/** Let everything happen that needs no more than a few turns. */
export async function settle() {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** One connection as the server sees it. */
export class Connection {
  constructor(server, socket) {
    this.server = server;
    this.socket = socket;
    this.received = [];
    this.isOpen = true;
  }

  /** MIMCPackets of a type that came over this connection; of unlimited groups by `kind`. */
  packets(type, kind) {
    const found = this.received.filter((each) => each.packet?.type === type).map((each) => each.packet);
    return kind === undefined ? found : found.filter((each) => each.group.type === kind);
  }

  commands() {
    return this.received.map(({ header }) => header.cmd);
  }

  control(cmd, payload = NOTHING) {
    this.socket.deliver(pack(schemas.ClientHeader.encode({ cmd, id: "s" }), payload));
  }

  secure(type, payload, more = {}) {
    const id = `s${++this.server.sent}`;
    const packet = schemas.MIMCPacket.encode({ packetId: id, type, payload, ...more });
    const header = schemas.ClientHeader.encode({ cmd: "SECMSG", id });
    this.socket.deliver(pack(header, rc4(payloadKey(SECURITY_KEY, id), packet)));
  }

  kick(reason) {
    this.control("KICK", schemas.XMMsgBindResp.encode({ result: false, error_type: reason, error_reason: reason }));
  }

  ack(packetId, { sequence = "1", code = 0, errorMsg = "" } = {}) {
    const body = schemas.MIMCPacketAck.encode({ packetId, sequence, timestamp: "5", code, errorMsg });
    this.secure(PacketType.PACKET_ACK, body);
  }

  /** Deliver one-to-one messages `[sequence, text]`, or of a topic `[sequence, text, topicId]`. */
  list(...messages) {
    this.compound({ maxSequence: messages.at(-1)[0], packets: messages.map(packetOf) });
  }

  compound(fields) {
    const body = { uuid: UUID, resource: "desk", status: 1, ...fields };
    this.secure(PacketType.COMPOUND, schemas.MIMCPacketList.encode(body));
  }

  group(type, payload, packetId = "g") {
    this.secure(PacketType.UC_PACKET, schemas.UCPacket.encode({ type, payload, packetId }));
  }

  groupList(topicId, ...messages) {
    const group = { appId: APP_ID, topicId };
    const user = { appAccount: "bob", resource: "phone" };
    const body = schemas.UCMessageList.encode({
      group,
      maxSequence: messages.at(-1)[0],
      message: messages.map(([sequence, text]) => ({ group, payload: utf8(text), sequence, user, packetId: `u${sequence}` })),
    });
    this.group(GroupPacketType.MESSAGE_LIST, body);
  }

  close() {
    this.socket.end();
  }

  take(data) {
    const parts = unpack(data);
    const header = schemas.ClientHeader.decode(parts.header);
    const entry = { header, payload: parts.payload };
    if (header.cmd === "SECMSG") {
      entry.packet = schemas.MIMCPacket.decode(parts.payload);
      if (entry.packet.type === PacketType.UC_PACKET) entry.packet.group = schemas.UCPacket.decode(entry.packet.payload);
    }
    this.received.push(entry);
    if (header.cmd === "CONN" && this.server.greets) {
      this.control("CONN", schemas.XMMsgConnResp.encode({ challenge: "abcdefghij" }));
    }
    if (header.cmd === "BIND") this.server.onBind(this);
    if (header.cmd === "PING" && this.server.pongs) this.control("PING");
    if (header.cmd === "UBND") this.kick("logout");
    if (entry.packet) this.server.onPacket(this, entry.packet);
  }
}

function packetOf([sequence, text, topicId]) {
  const message = {
    from: { appAccount: "bob", resource: "phone", uuid: "7" },
    payload: typeof text === "string" ? utf8(text) : text,
    isStore: true,
  };
  const payload =
    topicId === undefined
      ? schemas.MIMCP2PMessage.encode({ ...message, to: { appAccount: "alice" } })
      : schemas.MIMCP2TMessage.encode({ ...message, to: { topicId } });
  const type = topicId === undefined ? PacketType.P2P_MESSAGE : PacketType.P2T_MESSAGE;
  return { packetId: `p${sequence}`, sequence, type, payload, timestamp: "5" };
}

export class Server {
  constructor() {
    this.connections = [];
    this.sent = 0;
    this.isUp = true;
    this.greets = true;
    this.pongs = true;
    this.tokens = 0;
    /** Reasons with which the next logins are refused, first one first. */
    this.refusals = [];
    this.onPacket = () => undefined;
    const server = this;
    this.WebSocket = class {
      constructor() {
        this.connection = undefined;
        queueMicrotask(() => {
          if (!server.isUp) return this.end();
          this.connection = new Connection(server, this);
          server.connections.push(this.connection);
          this.onopen?.({});
        });
      }
      send(data) {
        const copy = data.slice();
        setImmediate(() => this.connection?.isOpen && this.connection.take(copy));
      }
      deliver(data) {
        if (this.connection.isOpen) this.onmessage?.({ data: data.slice().buffer });
      }
      close() {
        this.end();
      }
      end() {
        if (this.hasEnded) return;
        this.hasEnded = true;
        if (this.connection) this.connection.isOpen = false;
        setImmediate(() => this.onclose?.({}));
      }
    };
  }

  onBind(connection) {
    const [type, reason] = this.refusals.shift() ?? [];
    const body = type
      ? { result: false, error_type: type, error_reason: reason, error_desc: "no" }
      : { result: true, error_type: "", error_reason: "", error_desc: "" };
    connection.control("BIND", schemas.XMMsgBindResp.encode(body));
  }

  get last() {
    return this.connections.at(-1);
  }

  /** Alice on her desk, of this server. */
  user({ settings, resource = "desk", ...options } = {}) {
    const user = new MIMCUser(APP_ID, "alice", resource, {
      endpoints: { websocketUrl: "ws://server.invalid/", apiUrl: "http://127.0.0.1:9" },
      WebSocket: this.WebSocket,
      settings: { ...FAST, ...settings },
      ...options,
    });
    user.registerFetchToken(() => this.tokenAnswer());
    return user;
  }

  tokenAnswer() {
    this.tokens += 1;
    const data = {
      appId: APP_ID,
      appPackage: "com.example.chat",
      appAccount: "alice",
      miChid: 9,
      miUserId: UUID,
      miUserSecurityKey: SECURITY_KEY,
      token: `token-${this.tokens}`,
    };
    return { code: 200, message: "success", data };
  }
}
