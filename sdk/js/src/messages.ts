/**
 * What an app gets: messages, receipts, the status. The methods are those of the original WebJS SDK.
 *
 * @module
 */

import { textOf } from "./bytes.js";

/**
 * Where a user stands.
 *
 * - `offline`: no session is wanted, or none is possible any more; nothing is tried.
 * - `connecting`: a session is wanted and being established, for the first time or again.
 * - `online`: logged in, messages flow.
 * - `suspended`: a session is wanted, and `resume()` is awaited.
 */
export type Status = "offline" | "connecting" | "online" | "suspended";

/** A message's content: text, which is sent as UTF-8, or bytes. */
export type Payload = string | Uint8Array | ArrayBuffer;

/** The server has stored the message. */
export interface Receipt {
  readonly packetId: string;
  /** The server's number of the message, the same that recipients see; decimal digits. */
  readonly sequence: string;
  /** Server time of acceptance, UTC epoch milliseconds. */
  readonly timestampMs: number;
  /** Number in its conversation if that was asked for, else 0. */
  readonly index: number;
}

/** A device of the recipient has the online message. */
export interface OnlineReceipt {
  readonly packetId: string;
  /** The receiving SDK's; 1 for received. */
  readonly code: number;
  readonly text: string;
}

/** What all received messages have. */
export interface ReceivedFields {
  readonly packetId: string;
  readonly sequence: string;
  readonly timestamp: string;
  readonly fromAccount: string;
  readonly fromResource: string;
  readonly payload: Uint8Array;
  readonly bizType: string;
  readonly isStore: boolean;
  readonly index: number;
}

abstract class Received {
  /** The sender's name of the message. */
  readonly packetId: string;
  /** The server's number: unique and growing on the whole server; decimal digits, "0" for online messages. */
  readonly sequence: string;
  /** Server time of acceptance, UTC epoch milliseconds. */
  readonly timestampMs: number;
  /** Who sent it, as the server knows. May be this user, from another device. */
  readonly fromAccount: string;
  readonly fromResource: string;
  /** The content as bytes. */
  readonly payload: Uint8Array;
  /** The app's own label, "" when the sender set none. */
  readonly bizType: string;
  /** Whether the server's history keeps it. */
  readonly isStore: boolean;
  /** Number in its conversation, from 1, if the sender asked for one, else 0. */
  readonly index: number;

  constructor(fields: ReceivedFields) {
    this.packetId = fields.packetId;
    this.sequence = fields.sequence;
    this.timestampMs = Number(fields.timestamp);
    this.fromAccount = fields.fromAccount;
    this.fromResource = fields.fromResource;
    this.payload = fields.payload;
    this.bizType = fields.bizType;
    this.isStore = fields.isStore;
    this.index = fields.index;
  }

  /** The content as text. Bytes that are no UTF-8 become U+FFFD. */
  get text(): string {
    return textOf(this.payload);
  }

  getPacketId(): string {
    return this.packetId;
  }

  getSequence(): string {
    return this.sequence;
  }

  getFromAccount(): string {
    return this.fromAccount;
  }

  getFromResource(): string {
    return this.fromResource;
  }

  /** The content as text; for bytes see `payload`. */
  getPayload(): string {
    return this.text;
  }

  /** UTC epoch milliseconds, as decimal digits. */
  getTimeStamp(): string {
    return String(this.timestampMs);
  }

  getBizType(): string {
    return this.bizType;
  }
}

/** A one-to-one message, stored or online. */
export class MIMCMessage extends Received {
  readonly toAccount: string;
  /** The one device an online message is for; "" otherwise. */
  readonly toResource: string;

  constructor(fields: ReceivedFields, toAccount: string, toResource: string) {
    super(fields);
    this.toAccount = toAccount;
    this.toResource = toResource;
  }

  getToAccount(): string {
    return this.toAccount;
  }

  getToResource(): string {
    return this.toResource;
  }
}

/** A message to a topic or to an unlimited group. */
export class MIMCGroupMessage extends Received {
  /** The topic or the unlimited group; decimal digits. */
  readonly topicId: string;

  constructor(fields: ReceivedFields, topicId: string) {
    super(fields);
    this.topicId = topicId;
  }

  getTopicId(): string {
    return this.topicId;
  }
}
