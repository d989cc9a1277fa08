/**
 * Packets in words, for whoever wants to see the protocol at work. Nothing here sends or changes anything.
 *
 * @module
 */

import { findText } from "./bytes.js";
import type { Message, ValuesOf } from "./protobuf.js";
import {
  ClientHeader,
  GroupPacketType,
  MIMCOnlineMessageAck,
  MIMCP2PMessage,
  MIMCP2TMessage,
  MIMCPacket,
  MIMCPacketAck,
  MIMCPacketList,
  MIMCSequenceAck,
  PacketType,
  PullMessageRequest,
  UCMessageList,
  UCMessage,
  UCPacket,
  UCPing,
  UCQueryOnlineUsersResp,
  UCRequest,
  UCResponse,
  UCSequenceAck,
  XMMsgBind,
  XMMsgBindResp,
  XMMsgConn,
  XMMsgConnResp,
} from "./schemas.js";

/** `out`: from this client to the server. */
export type Direction = "out" | "in";

/** A value that `JSON.stringify` takes. */
export type Described = string | number | boolean | readonly Described[] | { readonly [name: string]: Described };

/** What one packet says. */
export interface PacketSummary {
  /** What a SECMSG carries: `P2P_MESSAGE`, `PACKET_ACK`, `UC_PACKET JOIN`, ...; "" for other commands. */
  readonly kind: string;
  /** Size of the whole packet as it travels. */
  readonly bytes: number;
  /** The header's fields, by their names on the wire; 64-bit numbers as decimal digits. */
  readonly header: { readonly [name: string]: Described };
  /**
   * The payload's fields likewise, nested packets included. Secrets are "(hidden)", bytes that are text are that
   * text, other bytes `{bytes: <how many>}`.
   */
  readonly body: { readonly [name: string]: Described };
}

/** Told of each packet that passes. What it throws is logged and otherwise ignored. */
export type PacketTap = (direction: Direction, command: string, summary: PacketSummary) => void;

const HIDDEN = "(hidden)";
const SECRETS: readonly string[] = ["token", "sig"];

type Node = { readonly [name: string]: Described };

/** Put a packet into words; one that cannot be read has what could be read of it. */
export function describe(
  direction: Direction,
  header: ValuesOf<typeof ClientHeader>,
  payload: Uint8Array,
  bytes: number,
): PacketSummary {
  const command = header.cmd ?? "";
  let kind = "";
  let body: Node = {};
  try {
    if (command === "SECMSG") [kind, body] = describePacket(MIMCPacket.decode(payload));
    else body = describeControl(direction, command, payload);
  } catch {
    body = { unreadable: { bytes: payload.length } };
  }
  return { kind, bytes, header: plain(header), body };
}

function describeControl(direction: Direction, command: string, payload: Uint8Array): Node {
  if (command === "CONN") return decoded(direction === "out" ? XMMsgConn : XMMsgConnResp, payload);
  if (command === "BIND") return decoded(direction === "out" ? XMMsgBind : XMMsgBindResp, payload);
  if (command === "KICK") return decoded(XMMsgBindResp, payload);
  return {};
}

type AnyMessage = Message<any>;

/** Packets by type, with the message in their payload. COMPOUND and UC_PACKET, which hold packets, are not here. */
const BODIES: Readonly<Record<number, AnyMessage>> = {
  [PacketType.P2P_MESSAGE]: MIMCP2PMessage,
  [PacketType.P2T_MESSAGE]: MIMCP2TMessage,
  [PacketType.SEQUENCE_ACK]: MIMCSequenceAck,
  [PacketType.PACKET_ACK]: MIMCPacketAck,
  [PacketType.PULL]: PullMessageRequest,
  [PacketType.ONLINE_MESSAGE]: MIMCP2PMessage,
  [PacketType.ONLINE_MESSAGE_ACK]: MIMCOnlineMessageAck,
};

const GROUP_BODIES: Readonly<Record<number, AnyMessage>> = {
  [GroupPacketType.PING]: UCPing,
  [GroupPacketType.PONG]: UCPing,
  [GroupPacketType.JOIN]: UCRequest,
  [GroupPacketType.JOIN_RESP]: UCResponse,
  [GroupPacketType.QUIT]: UCRequest,
  [GroupPacketType.QUIT_RESP]: UCResponse,
  [GroupPacketType.SEQ_ACK]: UCSequenceAck,
  [GroupPacketType.MESSAGE]: UCMessage,
  [GroupPacketType.MESSAGE_LIST]: UCMessageList,
  [GroupPacketType.DISMISS]: UCRequest,
  [GroupPacketType.QUERY_ONLINE_USERS]: UCRequest,
  [GroupPacketType.QUERY_ONLINE_USERS_RESP]: UCQueryOnlineUsersResp,
};

function describePacket(packet: ValuesOf<typeof MIMCPacket>): [string, Node] {
  const { payload = new Uint8Array(), type = 0, ...rest } = packet;
  const name = nameOf(PacketType, type);
  const outer = { ...plain(rest), type: name };
  if (type === PacketType.COMPOUND) {
    const { packets = [], ...list } = MIMCPacketList.decode(payload);
    const inner = packets.map((packet) => describePacket(packet)[1]);
    return [name, { ...outer, payload: { ...plain(list), packets: inner } }];
  }
  if (type === PacketType.UC_PACKET) {
    const { payload: groupPayload = new Uint8Array(), type: groupType = 0, ...group } = UCPacket.decode(payload);
    const groupName = nameOf(GroupPacketType, groupType);
    const inner = read(GROUP_BODIES[groupType], groupPayload);
    return [`${name} ${groupName}`, { ...outer, payload: { ...plain(group), type: groupName, payload: inner } }];
  }
  return [name, { ...outer, payload: read(BODIES[type], payload) }];
}

function read(message: AnyMessage | undefined, payload: Uint8Array): Described {
  return message === undefined ? inWords(payload) : decoded(message, payload);
}

function decoded(message: AnyMessage, payload: Uint8Array): Node {
  return plain(message.decode(payload));
}

function plain(values: object): Node {
  return Object.fromEntries(
    Object.entries(values)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, SECRETS.includes(name) ? HIDDEN : inWords(value)]),
  );
}

function inWords(value: unknown): Described {
  if (value instanceof Uint8Array) return findText(value) ?? { bytes: value.length };
  if (Array.isArray(value)) return value.map(inWords);
  if (typeof value === "object" && value !== null) return plain(value);
  return value as string | number | boolean;
}

function nameOf(names: Readonly<Record<string, number>>, number: number): string {
  return Object.entries(names).find(([, value]) => value === number)?.[0] ?? String(number);
}
