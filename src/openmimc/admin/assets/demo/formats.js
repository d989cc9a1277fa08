// The message formats that MIMC's operation manual recommends: JSON in the payload, which is opaque to the server.
//
//   {"version": 0, "msgId": "TEXT_1f9c", "msgType": "TEXT", "timestamp": "1516763973000", "payload": "Hello"}
//
// Newer editions of the manual say `type` instead of `msgType`; reading takes either.

const KINDS = new Set(["PING", "PONG", "TEXT", "PIC_FILE", "TEXT_RECALL", "PIC_FILE_RECALL", "TEXT_READ", "PIC_FILE_READ"]);

function make(msgType, payload) {
  const random = Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => byte.toString(16).padStart(2, "0"));
  return { version: 0, msgId: `${msgType}_${random.join("")}`, msgType, timestamp: String(Date.now()), payload };
}

export const text = (words) => make("TEXT", words);
export const picture = (url) => make("PIC_FILE", url);
export const ping = (account) => make("PING", account);
export const pong = (account) => make("PONG", account);

/** A wish to delete `message`, for all who have it. */
export const recall = (message) => make(`${message.msgType}_RECALL`, { recall_msgId: message.msgId });

/** Tells that `message` was read. */
export const readMark = (message) => make(`${message.msgType}_READ`, { read_msgId: message.msgId });

/** The payload to send. */
export const encode = (message) => JSON.stringify(message);

/**
 * Read a payload; null if it is no recommended message, which is nobody's fault.
 * What a recall or a read mark refers to is `target`.
 */
export function decode(payload) {
  let message;
  try {
    message = JSON.parse(payload);
  } catch {
    return null;
  }
  const msgType = message?.msgType ?? message?.type;
  if (!KINDS.has(msgType) || typeof message.msgId !== "string") return null;
  const refersTo = msgType.endsWith("_RECALL") ? "recall_msgId" : msgType.endsWith("_READ") ? "read_msgId" : null;
  if (!refersTo) return typeof message.payload === "string" ? { ...message, msgType } : null;
  let target = message.payload;
  if (typeof target === "string") {
    try {
      target = JSON.parse(target);
    } catch {
      return null;
    }
  }
  return typeof target?.[refersTo] === "string" ? { ...message, msgType, target: target[refersTo] } : null;
}
