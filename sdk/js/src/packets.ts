/**
 * What a client sends, as bytes, and what a server sends, as typed events. No I/O, no clock.
 *
 * Source: protocol reference, 5 to 7.
 *
 * @module
 */

import { fromBase64, toBase64, utf8 } from "./bytes.js";
import { sha1 } from "./ciphers.js";
import { MIMCGroupMessage, MIMCMessage } from "./messages.js";
import type { ValuesOf } from "./protobuf.js";
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
  STATUS_EXCEED_COUNT_LIMIT,
  UCMessage,
  UCMessageList,
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

const CHID = 9;
const SERVER = "xiaomi.com";
const METHOD = "XIAOMI-PASS";
const VERSION = 106;
const SDK = 31;
const NOTHING = new Uint8Array();

/** Who is logged in, on which device; the ids as decimal digits. */
export interface Identity {
  readonly appId: string;
  readonly appPackage: string;
  readonly account: string;
  readonly uuid: string;
  readonly resource: string;
  readonly token: string;
  /** Base64, as the token service gives it. */
  readonly securityKey: string;
}

/** A packet before it is framed. */
export interface Packet {
  readonly header: ValuesOf<typeof ClientHeader>;
  readonly payload: Uint8Array;
}

// ------------------------------------------------------------------ connection

/** The greeting, the only packet before there is an identity. */
export function conn(headerId: string, model: string, os: string): Packet {
  return {
    header: { server: SERVER, cmd: "CONN", id: headerId },
    payload: XMMsgConn.encode({ version: VERSION, model, os, udid: "websocket", sdk: SDK }),
  };
}

/** The login; signed as the original WebJS SDK signs, which says `kick=0` and sends an empty kick. */
export function bind(identity: Identity, challenge: string, headerId: string, sso?: boolean): Packet {
  return packet(
    identity,
    "BIND",
    headerId,
    XMMsgBind.encode({
      token: identity.token,
      kick: "",
      method: METHOD,
      sig: signature(identity, challenge, headerId),
      sso: sso || undefined,
    }),
  );
}

/** Proof of knowing the security key. Source: protocol reference, 5.3. */
export function signature(identity: Identity, challenge: string, headerId: string): string {
  const text = [
    METHOD,
    `challenge=${challenge}`,
    `chid=${CHID}`,
    "client_attrs=",
    "cloud_attrs=",
    `from=${identity.uuid}@${SERVER}/${identity.resource}`,
    `id=${headerId}`,
    "kick=0",
    `to=${SERVER}`,
    `token=${identity.token}`,
    identity.securityKey,
  ].join("&");
  return toBase64(sha1(utf8(text)));
}

export function ping(identity: Identity, headerId: string): Packet {
  return packet(identity, "PING", headerId, NOTHING);
}

export function unbind(identity: Identity, headerId: string): Packet {
  return packet(identity, "UBND", headerId, NOTHING);
}

/** The key of what the server sends under this header. Source: protocol reference, 3.3. */
export function payloadKey(securityKey: string, headerId: string): Uint8Array {
  const secret = fromBase64(securityKey);
  const end = utf8(`_${headerId}`);
  const key = new Uint8Array(secret.length + end.length);
  key.set(secret);
  key.set(end, secret.length);
  return key;
}

function packet(identity: Identity, cmd: string, id: string, payload: Uint8Array): Packet {
  const { uuid, resource } = identity;
  return { header: { chid: CHID, uuid, server: SERVER, resource, cmd, id }, payload };
}

// ------------------------------------------------------------------ messages

/** What can be chosen about a message. */
export interface MessageChoices {
  readonly packetId: string;
  readonly payload: Uint8Array;
  readonly bizType?: string | undefined;
  readonly isStore: boolean;
  /** Whether the message is numbered in its conversation. */
  readonly wantsIndex?: boolean | undefined;
}

export function p2p(identity: Identity, toAccount: string, choices: MessageChoices): Packet {
  const { payload, isStore, bizType } = choices;
  const to = { appId: identity.appId, appAccount: toAccount };
  const body = MIMCP2PMessage.encode({ from: userOf(identity), to, payload, isStore, bizType });
  return messagePacket(identity, PacketType.P2P_MESSAGE, choices, body);
}

export function p2t(identity: Identity, topicId: string, choices: MessageChoices): Packet {
  const { payload, isStore, bizType } = choices;
  const to = groupOf(identity, topicId);
  const body = MIMCP2TMessage.encode({ from: userOf(identity), to, payload, isStore, bizType });
  return messagePacket(identity, PacketType.P2T_MESSAGE, choices, body);
}

/** A message that only devices get that are there now. */
export function online(identity: Identity, toAccount: string, toResource: string, choices: MessageChoices): Packet {
  const { payload, bizType } = choices;
  const to = { appId: identity.appId, appAccount: toAccount, resource: toResource || undefined };
  const body = MIMCP2PMessage.encode({ from: userOf(identity), to, payload, isStore: false, bizType });
  return messagePacket(identity, PacketType.ONLINE_MESSAGE, choices, body);
}

/** Tell the sender of an online message that it is here. */
export function onlineAck(identity: Identity, headerId: string, message: DeliveredOnline): Packet {
  const body = MIMCOnlineMessageAck.encode({
    packetId: message.message.packetId,
    uuid: message.fromUuid,
    resource: message.message.fromResource,
    code: 1,
    errorMsg: "RECEIVED",
  });
  return secure(identity, headerId, PacketType.ONLINE_MESSAGE_ACK, body);
}

export function sequenceAck(identity: Identity, headerId: string, sequence: string): Packet {
  const { uuid, resource, appId } = identity;
  const payload = MIMCSequenceAck.encode({ uuid, resource, sequence, appId });
  return packet(identity, "SECMSG", headerId, MIMCPacket.encode({ type: PacketType.SEQUENCE_ACK, payload }));
}

export function pull(identity: Identity, headerId: string): Packet {
  const { uuid, resource, appId } = identity;
  return secure(identity, headerId, PacketType.PULL, PullMessageRequest.encode({ uuid, resource, appId }));
}

function messagePacket(identity: Identity, type: number, choices: MessageChoices, payload: Uint8Array): Packet {
  return secure(identity, choices.packetId, type, payload, choices.wantsIndex || undefined);
}

function secure(
  identity: Identity,
  packetId: string,
  type: number,
  payload: Uint8Array,
  conversation?: boolean,
): Packet {
  const body = MIMCPacket.encode({ packetId, package: identity.appPackage, type, payload, conversation });
  return packet(identity, "SECMSG", packetId, body);
}

function userOf({ appId, account, uuid, resource }: Identity): { appId: string; appAccount: string; uuid: string; resource: string } {
  return { appId, appAccount: account, uuid, resource };
}

function groupOf({ appId }: Identity, topicId: string): { appId: string; topicId: string } {
  return { appId, topicId };
}

// ------------------------------------------------------------------ unlimited groups

/** What can be asked of an unlimited group. */
export type GroupRequest = "JOIN" | "QUIT" | "QUERY_ONLINE_USERS";

export function askGroup(identity: Identity, packetId: string, request: GroupRequest, groupId: string): Packet {
  const body = UCRequest.encode({ group: groupOf(identity, groupId) });
  return groupPacket(identity, packetId, GroupPacketType[request], body);
}

export function groupMessage(identity: Identity, groupId: string, choices: MessageChoices): Packet {
  const { packetId, payload, isStore, bizType } = choices;
  const group = groupOf(identity, groupId);
  const body = UCMessage.encode({ group, payload, isStore, user: userOf(identity), packetId, bizType });
  return groupPacket(identity, packetId, GroupPacketType.MESSAGE, body);
}

export function groupPing(identity: Identity, packetId: string, groupIds: readonly string[]): Packet {
  const body = UCPing.encode({ group: groupIds.map((id) => groupOf(identity, id)) });
  return groupPacket(identity, packetId, GroupPacketType.PING, body);
}

export function groupAck(identity: Identity, packetId: string, groupId: string, sequence: string): Packet {
  const body = UCSequenceAck.encode({ group: groupOf(identity, groupId), sequence });
  return groupPacket(identity, packetId, GroupPacketType.SEQ_ACK, body);
}

function groupPacket(identity: Identity, packetId: string, type: number, payload: Uint8Array): Packet {
  const body = UCPacket.encode({ user: userOf(identity), type, payload, packetId });
  return secure(identity, packetId, PacketType.UC_PACKET, body);
}

// ------------------------------------------------------------------ from the server

export interface BindAnswer {
  readonly type: "bind";
  readonly isAccepted: boolean;
  readonly errorType: string;
  readonly reason: string;
  readonly description: string;
}

export interface Kick {
  readonly type: "kick";
  readonly errorType: string;
  readonly reason: string;
  readonly description: string;
}

/** The server's answer to a message. */
export interface Ack {
  readonly type: "ack";
  readonly packetId: string;
  readonly sequence: string;
  readonly timestamp: string;
  readonly code: number;
  readonly text: string;
  readonly index: number;
}

/** Messages to this device, or word that too many wait (`isOverflow`). */
export interface Delivered {
  readonly type: "list";
  readonly uuid: string;
  readonly resource: string;
  readonly isOverflow: boolean;
  readonly minSequence: string;
  readonly maxSequence: string;
  readonly messages: readonly (MIMCMessage | MIMCGroupMessage)[];
}

export interface DeliveredGroup {
  readonly type: "groupList";
  readonly groupId: string;
  readonly maxSequence: string;
  readonly messages: readonly MIMCGroupMessage[];
}

export interface DeliveredOnline {
  readonly type: "online";
  readonly message: MIMCMessage;
  readonly fromUuid: string;
}

export interface OnlineAck {
  readonly type: "onlineAck";
  readonly packetId: string;
  readonly code: number;
  readonly text: string;
}

export interface GroupAnswer {
  readonly type: "groupAnswer";
  readonly request: GroupRequest;
  readonly packetId: string;
  readonly groupId: string;
  readonly code: number;
  readonly text: string;
  /** Of QUERY_ONLINE_USERS. */
  readonly online: number;
}

export type ServerEvent =
  | { readonly type: "conn"; readonly challenge: string }
  | { readonly type: "dismissed"; readonly groupId: string }
  | { readonly type: "other" }
  | BindAnswer
  | Kick
  | Ack
  | Delivered
  | DeliveredGroup
  | DeliveredOnline
  | OnlineAck
  | GroupAnswer;

const OTHER: ServerEvent = { type: "other" };

/**
 * Read a packet of a server.
 *
 * @param command The header's.
 * @param payload Decrypted.
 * @throws BadPacket: it cannot be read.
 */
export function parse(command: string, payload: Uint8Array): ServerEvent {
  switch (command) {
    case "CONN":
      return { type: "conn", challenge: XMMsgConnResp.decode(payload).challenge ?? "" };
    case "BIND":
    case "KICK": {
      const { result, error_type, error_reason, error_desc } = XMMsgBindResp.decode(payload);
      const why = { errorType: error_type ?? "", reason: error_reason ?? "", description: error_desc ?? "" };
      return command === "KICK" ? { type: "kick", ...why } : { type: "bind", isAccepted: result === true, ...why };
    }
    case "SECMSG":
      return parseSecure(MIMCPacket.decode(payload));
    default:
      return OTHER;
  }
}

type PacketValues = ValuesOf<typeof MIMCPacket>;

function parseSecure(packet: PacketValues): ServerEvent {
  const payload = packet.payload ?? NOTHING;
  switch (packet.type) {
    case PacketType.PACKET_ACK: {
      const ack = MIMCPacketAck.decode(payload);
      return {
        type: "ack",
        packetId: ack.packetId ?? "",
        sequence: ack.sequence ?? "0",
        timestamp: ack.timestamp ?? "0",
        code: ack.code ?? 0,
        text: ack.errorMsg ?? "",
        index: Number(ack.convIndex ?? 0),
      };
    }
    case PacketType.COMPOUND: {
      const list = MIMCPacketList.decode(payload);
      return {
        type: "list",
        uuid: list.uuid ?? "0",
        resource: list.resource ?? "",
        isOverflow: list.status === STATUS_EXCEED_COUNT_LIMIT,
        minSequence: list.minSequence ?? "0",
        maxSequence: list.maxSequence ?? "0",
        messages: (list.packets ?? []).flatMap(parseMessage),
      };
    }
    case PacketType.ONLINE_MESSAGE:
      return parseOnline(packet, payload);
    case PacketType.ONLINE_MESSAGE_ACK: {
      const ack = MIMCOnlineMessageAck.decode(payload);
      return { type: "onlineAck", packetId: ack.packetId ?? "", code: ack.code ?? 0, text: ack.errorMsg ?? "" };
    }
    case PacketType.UC_PACKET:
      return parseGroupPacket(UCPacket.decode(payload));
    default:
      return OTHER;
  }
}

type MessageValues = ValuesOf<typeof MIMCP2PMessage> | ValuesOf<typeof MIMCP2TMessage>;

function fieldsOf(packet: PacketValues, message: MessageValues): ConstructorParameters<typeof MIMCMessage>[0] {
  return {
    packetId: packet.packetId ?? "",
    sequence: packet.sequence ?? "0",
    timestamp: packet.timestamp ?? "0",
    fromAccount: message.from?.appAccount ?? "",
    fromResource: message.from?.resource ?? "",
    payload: message.payload ?? NOTHING,
    bizType: message.bizType ?? "",
    isStore: message.isStore ?? true,
    index: Number(packet.convIndex ?? 0),
  };
}

/** One message of a list; of a type that is not known, none. */
function parseMessage(packet: PacketValues): (MIMCMessage | MIMCGroupMessage)[] {
  const payload = packet.payload ?? NOTHING;
  if (packet.type === PacketType.P2P_MESSAGE) {
    const message = MIMCP2PMessage.decode(payload);
    const { appAccount = "", resource = "" } = message.to ?? {};
    return [new MIMCMessage(fieldsOf(packet, message), appAccount, resource)];
  }
  if (packet.type === PacketType.P2T_MESSAGE) {
    const message = MIMCP2TMessage.decode(payload);
    return [new MIMCGroupMessage(fieldsOf(packet, message), message.to?.topicId ?? "0")];
  }
  return [];
}

function parseOnline(packet: PacketValues, payload: Uint8Array): DeliveredOnline {
  const message = MIMCP2PMessage.decode(payload);
  const { appAccount = "", resource = "" } = message.to ?? {};
  return {
    type: "online",
    message: new MIMCMessage(fieldsOf(packet, message), appAccount, resource),
    fromUuid: message.from?.uuid ?? "0",
  };
}

function parseGroupPacket(packet: ValuesOf<typeof UCPacket>): ServerEvent {
  const payload = packet.payload ?? NOTHING;
  const packetId = packet.packetId ?? "";
  switch (packet.type) {
    case GroupPacketType.JOIN_RESP:
    case GroupPacketType.QUIT_RESP: {
      const answer = UCResponse.decode(payload);
      return {
        type: "groupAnswer",
        request: packet.type === GroupPacketType.JOIN_RESP ? "JOIN" : "QUIT",
        packetId,
        groupId: answer.group?.topicId ?? "0",
        code: answer.code ?? 0,
        text: answer.message ?? "",
        online: 0,
      };
    }
    case GroupPacketType.QUERY_ONLINE_USERS_RESP: {
      const answer = UCQueryOnlineUsersResp.decode(payload);
      const groupId = answer.group?.topicId ?? "0";
      const online = Number(answer.userCount ?? 0);
      return { type: "groupAnswer", request: "QUERY_ONLINE_USERS", packetId, groupId, code: 0, text: "", online };
    }
    case GroupPacketType.MESSAGE_LIST: {
      const list = UCMessageList.decode(payload);
      const groupId = list.group?.topicId ?? "0";
      const messages = (list.message ?? []).map((message) => groupMessageOf(groupId, message));
      return { type: "groupList", groupId, maxSequence: list.maxSequence ?? "0", messages };
    }
    case GroupPacketType.DISMISS:
      return { type: "dismissed", groupId: UCRequest.decode(payload).group?.topicId ?? "0" };
    default:
      return OTHER;
  }
}

function groupMessageOf(groupId: string, message: ValuesOf<typeof UCMessage>): MIMCGroupMessage {
  return new MIMCGroupMessage(
    {
      packetId: message.packetId ?? "",
      sequence: message.sequence ?? "0",
      timestamp: message.timestamp ?? "0",
      fromAccount: message.user?.appAccount ?? "",
      fromResource: message.user?.resource ?? "",
      payload: message.payload ?? NOTHING,
      bizType: message.bizType ?? "",
      isStore: message.isStore ?? false,
      index: 0,
    },
    groupId,
  );
}

