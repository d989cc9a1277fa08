/**
 * The protocol's messages, as far as a client needs them. Names are the wire's.
 *
 * Source: protocol reference, 4.
 *
 * @module
 */

import { bool, bytes, embedded, enumeration, int32, int64, message, repeated, string, uint64 } from "./protobuf.js";

// ------------------------------------------------------------------ connection

export const ClientHeader = message({
  chid: int32(1),
  uuid: int64(2),
  server: string(3),
  resource: string(4),
  cmd: string(5),
  subcmd: string(6),
  id: string(7),
  dir_flag: enumeration(8),
  cipher: int32(9),
  err_code: int32(10),
  err_str: string(11),
});

export const XMMsgConn = message({
  version: int32(1),
  model: string(2),
  os: string(3),
  udid: string(4),
  sdk: int32(5),
  connpt: string(6),
  host: string(7),
  locale: string(8),
});

export const XMMsgConnResp = message({ challenge: string(1), host: string(2) });

export const XMMsgBind = message({
  token: string(1),
  kick: string(2),
  method: string(3),
  client_attrs: string(4),
  cloud_attrs: string(5),
  sig: string(6),
  sso: bool(7),
});

export const XMMsgBindResp = message({
  result: bool(1),
  error_type: string(2),
  error_reason: string(3),
  error_desc: string(4),
});

// ------------------------------------------------------------------ messages

export const PacketType = {
  P2P_MESSAGE: 1,
  P2T_MESSAGE: 2,
  SEQUENCE_ACK: 3,
  PACKET_ACK: 4,
  PULL: 5,
  COMPOUND: 6,
  RTS_SIGNAL: 7,
  UC_PACKET: 8,
  P2P_PUSH_MESSAGE: 9,
  P2T_PUSH_MESSAGE: 10,
  ONLINE_MESSAGE: 11,
  ONLINE_MESSAGE_ACK: 12,
} as const;

/** `MIMCPacketList.status` when more messages wait than the server sends. */
export const STATUS_EXCEED_COUNT_LIMIT = 2;

export const MIMCUserId = message({
  appId: uint64(1),
  appAccount: string(2),
  uuid: uint64(3),
  resource: string(4),
});

/** MIMCGroup and UCGroup. */
export const GroupId = message({ appId: uint64(1), topicId: uint64(2) });

export const MIMCPacket = message({
  packetId: string(1),
  package: string(2),
  sequence: int64(3),
  type: enumeration(4),
  payload: bytes(5),
  timestamp: int64(6),
  conversation: bool(7),
  convIndex: int64(8),
});

export const MIMCPacketList = message({
  uuid: uint64(1),
  resource: string(2),
  maxSequence: int64(3),
  packets: repeated(4, MIMCPacket),
  status: enumeration(5),
  minSequence: int64(6),
});

export const MIMCPacketAck = message({
  packetId: string(1),
  uuid: uint64(2),
  resource: string(3),
  sequence: int64(4),
  timestamp: int64(5),
  package: string(6),
  errorMsg: string(7),
  code: int32(8),
  convIndex: int64(9),
});

export const MIMCP2PMessage = message({
  from: embedded(1, MIMCUserId),
  to: embedded(2, MIMCUserId),
  payload: bytes(3),
  isStore: bool(4),
  bizType: string(5),
});

export const MIMCP2TMessage = message({
  from: embedded(1, MIMCUserId),
  to: embedded(2, GroupId),
  payload: bytes(3),
  isStore: bool(4),
  bizType: string(5),
});

export const MIMCSequenceAck = message({ uuid: uint64(1), resource: string(2), sequence: int64(3), appId: uint64(4) });

export const PullMessageRequest = message({ uuid: uint64(1), resource: string(2), appId: uint64(3) });

export const MIMCOnlineMessageAck = message({
  packetId: string(1),
  uuid: uint64(2),
  resource: string(3),
  code: int32(4),
  errorMsg: string(5),
});

// ------------------------------------------------------------------ unlimited groups

export const GroupPacketType = {
  PING: 1,
  PONG: 2,
  JOIN: 3,
  JOIN_RESP: 4,
  QUIT: 5,
  QUIT_RESP: 6,
  SEQ_ACK: 7,
  MESSAGE: 8,
  MESSAGE_LIST: 9,
  DISMISS: 10,
  QUERY_ONLINE_USERS: 11,
  QUERY_ONLINE_USERS_RESP: 12,
} as const;

export const UCPacket = message({
  user: embedded(1, MIMCUserId),
  type: enumeration(2),
  payload: bytes(3),
  packetId: string(4),
});

/** UCJoin, UCQuit, UCDismiss and UCQueryOnlineUsers. */
export const UCRequest = message({ group: embedded(1, GroupId) });

/** UCJoinResp and UCQuitResp. */
export const UCResponse = message({ group: embedded(1, GroupId), code: int32(2), message: string(3) });

export const UCPing = message({ group: repeated(1, GroupId) });

export const UCMessage = message({
  group: embedded(1, GroupId),
  payload: bytes(2),
  sequence: int64(3),
  isStore: bool(4),
  user: embedded(5, MIMCUserId),
  timestamp: int64(6),
  packetId: string(7),
  bizType: string(8),
});

export const UCMessageList = message({
  group: embedded(1, GroupId),
  message: repeated(2, UCMessage),
  maxSequence: int64(3),
});

export const UCSequenceAck = message({ group: embedded(1, GroupId), sequence: int64(2) });

export const UCQueryOnlineUsersResp = message({ group: embedded(1, GroupId), userCount: int64(2) });
