/**
 * The JavaScript SDK of OpenMIMC.
 *
 * @module
 */

export {
  ConnectionLost,
  Kicked,
  LoginRefused,
  MIMCError,
  NotLoggedIn,
  Refused,
  TimedOut,
  TokenRefused,
  TokenUnavailable,
} from "./errors.js";
export { MIMCGroupMessage, MIMCMessage } from "./messages.js";
export type { OnlineReceipt, Payload, Receipt, Status } from "./messages.js";
export type { Endpoints, Options, Settings, WebSocketLike } from "./settings.js";
export type { Described, Direction, PacketSummary, PacketTap } from "./tap.js";
export type { TokenAnswer, TokenFetcher } from "./tokens.js";
export { MAX_PAYLOAD_BYTES, MIMCUser } from "./user.js";
export type { Events, GroupAnswerHandler, OnlineOptions, SendOptions, StatusChange } from "./user.js";
