// The JavaScript SDK of OpenMIMC. Licensed under Apache-2.0. Built from sdk/js; do not edit.

// src/errors.ts
var MIMCError = class extends Error {
  name = "MIMCError";
};
var NotLoggedIn = class extends MIMCError {
  name = "NotLoggedIn";
};
var ConnectionLost = class extends MIMCError {
  name = "ConnectionLost";
};
var TOKEN_REASONS = ["token-expired", "invalid-token"];
var BUSY_REASON = "unavailable";
var SAME_RESOURCE_REASON = "single-resource-kick";
var BUSY_CODES = [429, 503];
var ServerSaysNo = class extends MIMCError {
  /** First word of the server, such as `auto` or `cancel`. */
  errorType;
  /** Stable word for programs, such as `invalid-token`. */
  reason;
  /** Sentence for people, possibly empty. */
  description;
  constructor(errorType, reason, description) {
    super([reason || errorType, description].filter(Boolean).join(": "));
    this.errorType = errorType;
    this.reason = reason || errorType;
    this.description = description;
  }
  /** Whether a new token may help. */
  get needsToken() {
    return [this.errorType, this.reason].some((word) => TOKEN_REASONS.includes(word.toLowerCase()));
  }
};
var LoginRefused = class extends ServerSaysNo {
  name = "LoginRefused";
  /** Whether trying again later, with the same token, may help. */
  get isTemporary() {
    return this.reason.toLowerCase() === BUSY_REASON;
  }
};
var Kicked = class extends ServerSaysNo {
  name = "Kicked";
  /** Whether coming back would only kick the other device in turn. */
  get isFinal() {
    return [this.errorType, this.reason].some((word) => word.toLowerCase() === SAME_RESOURCE_REASON);
  }
};
var TokenUnavailable = class extends MIMCError {
  name = "TokenUnavailable";
};
var TokenRefused = class extends TokenUnavailable {
  constructor(code, text2) {
    super(`${code} ${text2}`);
    this.code = code;
    this.text = text2;
  }
  code;
  text;
  name = "TokenRefused";
  /** Whether asking again later may help. */
  get isTemporary() {
    return this.code >= 500 || BUSY_CODES.includes(this.code);
  }
};
var Refused = class extends MIMCError {
  constructor(code, text2, packetId = "") {
    super(`${code} ${text2}`);
    this.code = code;
    this.text = text2;
    this.packetId = packetId;
  }
  code;
  text;
  packetId;
  name = "Refused";
  /** Whether the same may succeed later. */
  get isTemporary() {
    return BUSY_CODES.includes(this.code);
  }
};
var TimedOut = class extends MIMCError {
  constructor(what, packetId = "") {
    super(`no answer in time: ${what}`);
    this.packetId = packetId;
  }
  packetId;
  name = "TimedOut";
};

// src/settings.ts
var DEFAULTS = {
  tokenTimeoutMs: 1e4,
  connectTimeoutMs: 1e4,
  bindTimeoutMs: 1e4,
  pingIntervalMs: 6e4,
  groupPingIntervalMs: 1e4,
  deadAfterMs: 1e4,
  backoffInitialMs: 1e3,
  backoffMaxMs: 3e4,
  stableAfterMs: 1e4,
  handlerRetryMs: 1e3,
  sendTimeoutMs: 3e4,
  onlineReceiptTimeoutMs: 1e4,
  logoutTimeoutMs: 5e3,
  maxUnacknowledged: 1e3,
  maxQueuedMessages: 1e3,
  rememberedSequences: 1e4,
  jitter: Math.random
};
var scriptEndpoints = {};
function useScript(url, data = {}) {
  scriptEndpoints = data.websocketUrl || data.apiUrl ? data : originOf(url);
}
function originOf(url) {
  return /^https?:/.test(url) ? { apiUrl: new URL(url).origin } : {};
}
function resolveEndpoints(given = {}) {
  const page = typeof location === "undefined" ? {} : originOf(location.href);
  const known = [given, scriptEndpoints, page].find(({ websocketUrl, apiUrl }) => websocketUrl || apiUrl);
  if (known === void 0) throw new MIMCError("endpoints.websocketUrl is needed outside of http pages");
  const api = known.apiUrl || known.websocketUrl.replace(/^ws/, "http");
  return {
    websocketUrl: known.websocketUrl || `${api.replace(/^http/, "ws").replace(/\/+$/, "")}/`,
    apiUrl: (known.apiUrl || new URL(api).origin).replace(/\/+$/, "")
  };
}

// src/bytes.ts
var encoder = new TextEncoder();
var decoder = new TextDecoder("utf-8", { ignoreBOM: true });
var strictDecoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
function utf8(text2) {
  return encoder.encode(text2);
}
function textOf(bytes2) {
  return decoder.decode(bytes2);
}
function findText(bytes2) {
  try {
    return strictDecoder.decode(bytes2);
  } catch {
    return null;
  }
}
function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
function toBase64(bytes2) {
  return btoa(String.fromCharCode(...bytes2));
}
function fromBase64(text2) {
  return Uint8Array.from(atob(text2), (character) => character.charCodeAt(0));
}
function randomHex(bytes2) {
  const random = crypto.getRandomValues(new Uint8Array(bytes2));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// src/messages.ts
var Received = class {
  /** The sender's name of the message. */
  packetId;
  /** The server's number: unique and growing on the whole server; decimal digits, "0" for online messages. */
  sequence;
  /** Server time of acceptance, UTC epoch milliseconds. */
  timestampMs;
  /** Who sent it, as the server knows. May be this user, from another device. */
  fromAccount;
  fromResource;
  /** The content as bytes. */
  payload;
  /** The app's own label, "" when the sender set none. */
  bizType;
  /** Whether the server's history keeps it. */
  isStore;
  /** Number in its conversation, from 1, if the sender asked for one, else 0. */
  index;
  constructor(fields) {
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
  get text() {
    return textOf(this.payload);
  }
  getPacketId() {
    return this.packetId;
  }
  getSequence() {
    return this.sequence;
  }
  getFromAccount() {
    return this.fromAccount;
  }
  getFromResource() {
    return this.fromResource;
  }
  /** The content as text; for bytes see `payload`. */
  getPayload() {
    return this.text;
  }
  /** UTC epoch milliseconds, as decimal digits. */
  getTimeStamp() {
    return String(this.timestampMs);
  }
  getBizType() {
    return this.bizType;
  }
};
var MIMCMessage = class extends Received {
  toAccount;
  /** The one device an online message is for; "" otherwise. */
  toResource;
  constructor(fields, toAccount, toResource) {
    super(fields);
    this.toAccount = toAccount;
    this.toResource = toResource;
  }
  getToAccount() {
    return this.toAccount;
  }
  getToResource() {
    return this.toResource;
  }
};
var MIMCGroupMessage = class extends Received {
  /** The topic or the unlimited group; decimal digits. */
  topicId;
  constructor(fields, topicId) {
    super(fields);
    this.topicId = topicId;
  }
  getTopicId() {
    return this.topicId;
  }
};

// src/api.ts
var SUCCESS = 200;
async function callApi(apiUrl, token, method, path, details = {}) {
  const headers = { token };
  if (details.topicId !== void 0) headers["topicId"] = details.topicId;
  if (details.body !== void 0) headers["content-type"] = "application/json";
  const request = { method, headers, cache: "no-store", credentials: "omit" };
  if (details.body !== void 0) request.body = JSON.stringify(details.body);
  let answer;
  try {
    answer = await (await fetch(apiUrl + path, request)).json();
  } catch (error) {
    throw new MIMCError(`${method} ${path} failed`, { cause: error });
  }
  const { code, message: message2, data } = answer ?? {};
  if (code === void 0) throw new MIMCError(`${method} ${path}: no messaging server answers`);
  if (Number(code) !== SUCCESS) throw new Refused(Number(code), String(message2));
  return data;
}

// src/seen.ts
var SeenSequences = class {
  constructor(limit) {
    this.limit = limit;
  }
  limit;
  // A set forgets in the order of its insertions.
  #sequences = /* @__PURE__ */ new Set();
  /** Remember a sequence; false if it was known. */
  add(sequence) {
    if (this.#sequences.has(sequence)) return false;
    this.#sequences.add(sequence);
    if (this.#sequences.size > this.limit) {
      for (const oldest of this.#sequences) {
        this.#sequences.delete(oldest);
        break;
      }
    }
    return true;
  }
  /** Let a sequence be new again: its message was not handled and is to come once more. */
  forget(sequence) {
    this.#sequences.delete(sequence);
  }
};

// src/groupInbox.ts
var REMEMBERED_SEQUENCES = 1e3;
var KnownGroups = class {
  #seen = /* @__PURE__ */ new Map();
  get ids() {
    return [...this.#seen.keys()];
  }
  /** Note that this user is in a group. */
  add(groupId) {
    let seen = this.#seen.get(groupId);
    if (seen === void 0) this.#seen.set(groupId, seen = new SeenSequences(REMEMBERED_SEQUENCES));
    return seen;
  }
  /** Note that this user is not in a group any more. */
  discard(groupId) {
    this.#seen.delete(groupId);
  }
  /** Let a message be new again: it was not handled and is to come once more. */
  forget(groupId, sequence) {
    this.#seen.get(groupId)?.forget(sequence);
  }
};
var GroupInbox = class {
  #host;
  #known;
  #waiting = [];
  #isRunning = false;
  #isClosed = false;
  constructor(host, known) {
    this.#host = host;
    this.#known = known;
  }
  /** Queue a list, without what was seen before. */
  add({ groupId, maxSequence, messages }) {
    if (this.#isClosed) return;
    const seen = this.#known.add(groupId);
    const fresh = messages.filter((message2) => seen.add(message2.sequence));
    for (const message2 of fresh) {
      const acknowledges = message2 === fresh.at(-1) ? maxSequence : void 0;
      this.#waiting.push({ groupId, message: message2, acknowledges });
    }
    if (fresh.length === 0) this.#waiting.push({ groupId, message: void 0, acknowledges: maxSequence });
    const excess = this.#waiting.length - this.#host.maxMessages;
    if (excess > 0) {
      console.warn(`${excess} messages of unlimited groups are dropped: they come faster than they are taken`);
      this.#waiting.splice(0, excess);
    }
    if (!this.#isRunning) void this.#run();
  }
  /** Hand over nothing any more. What waits is new again to the next inbox. */
  close() {
    this.#isClosed = true;
    for (const { groupId, message: message2 } of this.#waiting) if (message2) this.#known.forget(groupId, message2.sequence);
    this.#waiting = [];
  }
  async #run() {
    this.#isRunning = true;
    for (let next = this.#waiting.shift(); next !== void 0; next = this.#waiting.shift()) {
      if (next.message !== void 0 && !await this.#host.handle(next.message)) {
        if (this.#isClosed) {
          this.#known.forget(next.groupId, next.message.sequence);
        } else {
          this.#waiting.unshift(next);
          await this.#host.pause();
        }
        continue;
      }
      this.#host.succeeded();
      if (next.acknowledges !== void 0 && !this.#isClosed) {
        this.#host.acknowledge(next.groupId, next.acknowledges);
      }
    }
    this.#isRunning = false;
  }
};

// src/ciphers.ts
var ADLER_MODULUS = 65521;
var ADLER_RUN = 5552;
function adler32(data) {
  let low = 1;
  let high = 0;
  for (let start = 0; start < data.length; start += ADLER_RUN) {
    const end = Math.min(start + ADLER_RUN, data.length);
    for (let i = start; i < end; i++) {
      low += data[i];
      high += low;
    }
    low %= ADLER_MODULUS;
    high %= ADLER_MODULUS;
  }
  return (high << 16 | low) >>> 0;
}
function rc4(key, data) {
  const state = Uint8Array.from({ length: 256 }, (_, i) => i);
  for (let i = 0, j = 0; i < 256; i++) {
    const here = state[i];
    j = j + here + key[i % key.length] & 255;
    state[i] = state[j];
    state[j] = here;
  }
  const result = new Uint8Array(data.length);
  for (let at = 0, i = 0, j = 0; at < data.length; at++) {
    i = i + 1 & 255;
    const here = state[i];
    j = j + here & 255;
    const there = state[j];
    state[i] = there;
    state[j] = here;
    result[at] = data[at] ^ state[here + there & 255];
  }
  return result;
}
var SHA1_BLOCK_BYTES = 64;
var SHA1_ROUNDS = 80;
function rotateLeft(word, bits) {
  return word << bits | word >>> 32 - bits;
}
function sha1(data) {
  const paddingBytes = SHA1_BLOCK_BYTES - ((data.length + 9) % SHA1_BLOCK_BYTES || SHA1_BLOCK_BYTES);
  const end = new DataView(new ArrayBuffer(1 + paddingBytes + 8));
  end.setUint8(0, 128);
  end.setBigUint64(end.byteLength - 8, BigInt(data.length) * 8n);
  const blocks = concat(data, new Uint8Array(end.buffer));
  const view = new DataView(blocks.buffer);
  const hash = [1732584193, 4023233417 | 0, 2562383102 | 0, 271733878, 3285377520 | 0];
  const words = new Int32Array(SHA1_ROUNDS);
  for (let block = 0; block < blocks.length; block += SHA1_BLOCK_BYTES) {
    for (let t = 0; t < 16; t++) words[t] = view.getInt32(block + 4 * t);
    for (let t = 16; t < SHA1_ROUNDS; t++) {
      words[t] = rotateLeft(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1);
    }
    let [a, b, c, d, e] = hash;
    for (let t = 0; t < SHA1_ROUNDS; t++) {
      const [mix, constant] = t < 20 ? [b & c | ~b & d, 1518500249] : t < 40 ? [b ^ c ^ d, 1859775393] : t < 60 ? [b & c | b & d | c & d, 2400959708] : [b ^ c ^ d, 3395469782];
      const next = rotateLeft(a, 5) + mix + e + constant + words[t] | 0;
      e = d;
      d = c;
      c = rotateLeft(b, 30);
      b = a;
      a = next;
    }
    [a, b, c, d, e].forEach((word, i) => {
      hash[i] = hash[i] + word | 0;
    });
  }
  const digest = new DataView(new ArrayBuffer(20));
  hash.forEach((word, i) => digest.setInt32(4 * i, word));
  return new Uint8Array(digest.buffer);
}

// src/protobuf.ts
var BadPacket = class extends Error {
  name = "BadPacket";
};
var VARINT = 0;
var FIXED64 = 1;
var DELIMITED = 2;
var FIXED32 = 5;
var Reader = class {
  constructor(bytes2) {
    this.bytes = bytes2;
  }
  bytes;
  #at = 0;
  get isAtEnd() {
    return this.#at >= this.bytes.length;
  }
  varint() {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.#at++];
      if (byte === void 0) throw new BadPacket("a number is cut off");
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw new BadPacket("a number of more than 64 bits");
  }
  /** A varint that is meant to be short: a length, a field's tag. */
  size() {
    const first = this.bytes[this.#at];
    if (first !== void 0 && first < 128) {
      this.#at++;
      return first;
    }
    return Number(this.varint());
  }
  delimited() {
    return this.#take(this.size());
  }
  skip(wireType) {
    if (wireType === VARINT) this.varint();
    else if (wireType === DELIMITED) this.delimited();
    else if (wireType === FIXED64) this.#take(8);
    else if (wireType === FIXED32) this.#take(4);
    else throw new BadPacket(`a field of wire type ${wireType}`);
  }
  #take(length) {
    const end = this.#at + length;
    if (end > this.bytes.length) throw new BadPacket("a field is cut off");
    const part = this.bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }
};
function varint(value) {
  const bytes2 = [];
  let rest = BigInt.asUintN(64, value);
  while (rest > 127n) {
    bytes2.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes2.push(Number(rest));
  return Uint8Array.from(bytes2);
}
function delimited(bytes2) {
  return concat(varint(BigInt(bytes2.length)), bytes2);
}
var INT32 = {
  wireType: VARINT,
  write: (value) => varint(BigInt(value)),
  read: (reader) => Number(BigInt.asIntN(32, reader.varint()))
};
var INT64 = {
  wireType: VARINT,
  write: (value) => varint(BigInt(value)),
  read: (reader) => BigInt.asIntN(64, reader.varint()).toString()
};
var UINT64 = {
  wireType: VARINT,
  write: (value) => varint(BigInt(value)),
  read: (reader) => reader.varint().toString()
};
var BOOL = {
  wireType: VARINT,
  write: (value) => varint(value ? 1n : 0n),
  read: (reader) => reader.varint() !== 0n
};
var STRING = {
  wireType: DELIMITED,
  write: (value) => delimited(utf8(value)),
  read: (reader) => textOf(reader.delimited())
};
var BYTES = {
  wireType: DELIMITED,
  write: delimited,
  // A copy, so that a small payload does not keep the packet it came in alive.
  read: (reader) => reader.delimited().slice()
};
function field(codec) {
  return (number) => ({ number, codec, isRepeated: false });
}
var int32 = field(INT32);
var enumeration = field(INT32);
var int64 = field(INT64);
var uint64 = field(UINT64);
var bool = field(BOOL);
var string = field(STRING);
var bytes = field(BYTES);
function embedded(number, of) {
  return { number, codec: codecOf(of), isRepeated: false };
}
function repeated(number, of) {
  return { number, codec: codecOf(of), isRepeated: true };
}
function codecOf(of) {
  return {
    wireType: DELIMITED,
    write: (value) => delimited(of.encode(value)),
    read: (reader) => of.decode(reader.delimited())
  };
}
var Message = class {
  #fields;
  #byNumber;
  constructor(fields) {
    this.#fields = Object.entries(fields).sort(([, a], [, b]) => a.number - b.number);
    this.#byNumber = new Map(this.#fields.map((entry) => [entry[1].number, entry]));
  }
  /** Bytes of a message, fields in ascending order of their numbers. */
  encode(values) {
    const given = values;
    const parts = [];
    for (const [name, { number, codec, isRepeated }] of this.#fields) {
      const value = given[name];
      if (value === void 0) continue;
      const tag = varint(BigInt(number << 3 | codec.wireType));
      for (const item of isRepeated ? value : [value]) parts.push(tag, codec.write(item));
    }
    return concat(...parts);
  }
  /**
   * What a message holds; unknown fields are passed over, and of a field that comes twice the last one counts.
   *
   * @throws BadPacket: the bytes are no message.
   */
  decode(data) {
    const values = {};
    for (const [name, { isRepeated }] of this.#fields) if (isRepeated) values[name] = [];
    const reader = new Reader(data);
    while (!reader.isAtEnd) {
      const tag = reader.size();
      const entry = this.#byNumber.get(tag >>> 3);
      if (entry === void 0 || entry[1].codec.wireType !== (tag & 7)) {
        reader.skip(tag & 7);
        continue;
      }
      const [name, { codec, isRepeated }] = entry;
      const value = codec.read(reader);
      if (isRepeated) values[name].push(value);
      else values[name] = value;
    }
    return values;
  }
};
function message(fields) {
  return new Message(fields);
}

// src/framing.ts
var MAGIC = 49918;
var VERSION = 4;
var HEADER_TYPE = 3;
var PAYLOAD_TYPE = 2;
var HEAD_BYTES = 14;
var CHECKSUM_BYTES = 4;
function pack(header, payload) {
  const head = new DataView(new ArrayBuffer(HEAD_BYTES));
  [MAGIC, VERSION, HEADER_TYPE, PAYLOAD_TYPE, header.length].forEach((value, i) => head.setUint16(2 * i, value));
  head.setUint32(10, payload.length);
  const packet2 = concat(new Uint8Array(head.buffer), header, payload, new Uint8Array(CHECKSUM_BYTES));
  const end = packet2.length - CHECKSUM_BYTES;
  new DataView(packet2.buffer).setUint32(end, adler32(packet2.subarray(0, end)));
  return packet2;
}
function unpack(packet2) {
  const view = new DataView(packet2.buffer, packet2.byteOffset, packet2.byteLength);
  if (packet2.length < HEAD_BYTES + CHECKSUM_BYTES) throw new BadPacket(`a packet of ${packet2.length} bytes`);
  if (view.getUint16(0) !== MAGIC || view.getUint16(2) !== VERSION) throw new BadPacket("another protocol");
  const payloadStart = HEAD_BYTES + view.getUint16(8);
  const end = payloadStart + view.getUint32(10);
  if (end + CHECKSUM_BYTES > packet2.length) throw new BadPacket("a packet is cut off");
  if (view.getUint32(end) !== adler32(packet2.subarray(0, end))) throw new BadPacket("wrong checksum");
  return { header: packet2.subarray(HEAD_BYTES, payloadStart), payload: packet2.subarray(payloadStart, end) };
}

// src/schemas.ts
var ClientHeader = message({
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
  err_str: string(11)
});
var XMMsgConn = message({
  version: int32(1),
  model: string(2),
  os: string(3),
  udid: string(4),
  sdk: int32(5),
  connpt: string(6),
  host: string(7),
  locale: string(8)
});
var XMMsgConnResp = message({ challenge: string(1), host: string(2) });
var XMMsgBind = message({
  token: string(1),
  kick: string(2),
  method: string(3),
  client_attrs: string(4),
  cloud_attrs: string(5),
  sig: string(6),
  sso: bool(7)
});
var XMMsgBindResp = message({
  result: bool(1),
  error_type: string(2),
  error_reason: string(3),
  error_desc: string(4)
});
var PacketType = {
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
  ONLINE_MESSAGE_ACK: 12
};
var STATUS_EXCEED_COUNT_LIMIT = 2;
var MIMCUserId = message({
  appId: uint64(1),
  appAccount: string(2),
  uuid: uint64(3),
  resource: string(4)
});
var GroupId = message({ appId: uint64(1), topicId: uint64(2) });
var MIMCPacket = message({
  packetId: string(1),
  package: string(2),
  sequence: int64(3),
  type: enumeration(4),
  payload: bytes(5),
  timestamp: int64(6),
  conversation: bool(7),
  convIndex: int64(8)
});
var MIMCPacketList = message({
  uuid: uint64(1),
  resource: string(2),
  maxSequence: int64(3),
  packets: repeated(4, MIMCPacket),
  status: enumeration(5),
  minSequence: int64(6)
});
var MIMCPacketAck = message({
  packetId: string(1),
  uuid: uint64(2),
  resource: string(3),
  sequence: int64(4),
  timestamp: int64(5),
  package: string(6),
  errorMsg: string(7),
  code: int32(8),
  convIndex: int64(9)
});
var MIMCP2PMessage = message({
  from: embedded(1, MIMCUserId),
  to: embedded(2, MIMCUserId),
  payload: bytes(3),
  isStore: bool(4),
  bizType: string(5)
});
var MIMCP2TMessage = message({
  from: embedded(1, MIMCUserId),
  to: embedded(2, GroupId),
  payload: bytes(3),
  isStore: bool(4),
  bizType: string(5)
});
var MIMCSequenceAck = message({ uuid: uint64(1), resource: string(2), sequence: int64(3), appId: uint64(4) });
var PullMessageRequest = message({ uuid: uint64(1), resource: string(2), appId: uint64(3) });
var MIMCOnlineMessageAck = message({
  packetId: string(1),
  uuid: uint64(2),
  resource: string(3),
  code: int32(4),
  errorMsg: string(5)
});
var GroupPacketType = {
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
  QUERY_ONLINE_USERS_RESP: 12
};
var UCPacket = message({
  user: embedded(1, MIMCUserId),
  type: enumeration(2),
  payload: bytes(3),
  packetId: string(4)
});
var UCRequest = message({ group: embedded(1, GroupId) });
var UCResponse = message({ group: embedded(1, GroupId), code: int32(2), message: string(3) });
var UCPing = message({ group: repeated(1, GroupId) });
var UCMessage = message({
  group: embedded(1, GroupId),
  payload: bytes(2),
  sequence: int64(3),
  isStore: bool(4),
  user: embedded(5, MIMCUserId),
  timestamp: int64(6),
  packetId: string(7),
  bizType: string(8)
});
var UCMessageList = message({
  group: embedded(1, GroupId),
  message: repeated(2, UCMessage),
  maxSequence: int64(3)
});
var UCSequenceAck = message({ group: embedded(1, GroupId), sequence: int64(2) });
var UCQueryOnlineUsersResp = message({ group: embedded(1, GroupId), userCount: int64(2) });

// src/packets.ts
var CHID = 9;
var SERVER = "xiaomi.com";
var METHOD = "XIAOMI-PASS";
var VERSION2 = 106;
var SDK = 31;
var NOTHING = new Uint8Array();
function conn(headerId, model, os) {
  return {
    header: { server: SERVER, cmd: "CONN", id: headerId },
    payload: XMMsgConn.encode({ version: VERSION2, model, os, udid: "websocket", sdk: SDK })
  };
}
function bind(identity, challenge, headerId, sso) {
  return packet(
    identity,
    "BIND",
    headerId,
    XMMsgBind.encode({
      token: identity.token,
      kick: "",
      method: METHOD,
      sig: signature(identity, challenge, headerId),
      sso: sso || void 0
    })
  );
}
function signature(identity, challenge, headerId) {
  const text2 = [
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
    identity.securityKey
  ].join("&");
  return toBase64(sha1(utf8(text2)));
}
function ping(identity, headerId) {
  return packet(identity, "PING", headerId, NOTHING);
}
function unbind(identity, headerId) {
  return packet(identity, "UBND", headerId, NOTHING);
}
function payloadKey(securityKey, headerId) {
  const secret = fromBase64(securityKey);
  const end = utf8(`_${headerId}`);
  const key = new Uint8Array(secret.length + end.length);
  key.set(secret);
  key.set(end, secret.length);
  return key;
}
function packet(identity, cmd, id, payload) {
  const { uuid, resource } = identity;
  return { header: { chid: CHID, uuid, server: SERVER, resource, cmd, id }, payload };
}
function p2p(identity, toAccount, choices) {
  const { payload, isStore, bizType } = choices;
  const to = { appId: identity.appId, appAccount: toAccount };
  const body = MIMCP2PMessage.encode({ from: userOf(identity), to, payload, isStore, bizType });
  return messagePacket(identity, PacketType.P2P_MESSAGE, choices, body);
}
function p2t(identity, topicId, choices) {
  const { payload, isStore, bizType } = choices;
  const to = groupOf(identity, topicId);
  const body = MIMCP2TMessage.encode({ from: userOf(identity), to, payload, isStore, bizType });
  return messagePacket(identity, PacketType.P2T_MESSAGE, choices, body);
}
function online(identity, toAccount, toResource, choices) {
  const { payload, bizType } = choices;
  const to = { appId: identity.appId, appAccount: toAccount, resource: toResource || void 0 };
  const body = MIMCP2PMessage.encode({ from: userOf(identity), to, payload, isStore: false, bizType });
  return messagePacket(identity, PacketType.ONLINE_MESSAGE, choices, body);
}
function onlineAck(identity, headerId, message2) {
  const body = MIMCOnlineMessageAck.encode({
    packetId: message2.message.packetId,
    uuid: message2.fromUuid,
    resource: message2.message.fromResource,
    code: 1,
    errorMsg: "RECEIVED"
  });
  return secure(identity, headerId, PacketType.ONLINE_MESSAGE_ACK, body);
}
function sequenceAck(identity, headerId, sequence) {
  const { uuid, resource, appId } = identity;
  const payload = MIMCSequenceAck.encode({ uuid, resource, sequence, appId });
  return packet(identity, "SECMSG", headerId, MIMCPacket.encode({ type: PacketType.SEQUENCE_ACK, payload }));
}
function pull(identity, headerId) {
  const { uuid, resource, appId } = identity;
  return secure(identity, headerId, PacketType.PULL, PullMessageRequest.encode({ uuid, resource, appId }));
}
function messagePacket(identity, type, choices, payload) {
  return secure(identity, choices.packetId, type, payload, choices.wantsIndex || void 0);
}
function secure(identity, packetId, type, payload, conversation) {
  const body = MIMCPacket.encode({ packetId, package: identity.appPackage, type, payload, conversation });
  return packet(identity, "SECMSG", packetId, body);
}
function userOf({ appId, account, uuid, resource }) {
  return { appId, appAccount: account, uuid, resource };
}
function groupOf({ appId }, topicId) {
  return { appId, topicId };
}
function askGroup(identity, packetId, request, groupId) {
  const body = UCRequest.encode({ group: groupOf(identity, groupId) });
  return groupPacket(identity, packetId, GroupPacketType[request], body);
}
function groupMessage(identity, groupId, choices) {
  const { packetId, payload, isStore, bizType } = choices;
  const group = groupOf(identity, groupId);
  const body = UCMessage.encode({ group, payload, isStore, user: userOf(identity), packetId, bizType });
  return groupPacket(identity, packetId, GroupPacketType.MESSAGE, body);
}
function groupPing(identity, packetId, groupIds) {
  const body = UCPing.encode({ group: groupIds.map((id) => groupOf(identity, id)) });
  return groupPacket(identity, packetId, GroupPacketType.PING, body);
}
function groupAck(identity, packetId, groupId, sequence) {
  const body = UCSequenceAck.encode({ group: groupOf(identity, groupId), sequence });
  return groupPacket(identity, packetId, GroupPacketType.SEQ_ACK, body);
}
function groupPacket(identity, packetId, type, payload) {
  const body = UCPacket.encode({ user: userOf(identity), type, payload, packetId });
  return secure(identity, packetId, PacketType.UC_PACKET, body);
}
var OTHER = { type: "other" };
function parse(command, payload) {
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
function parseSecure(packet2) {
  const payload = packet2.payload ?? NOTHING;
  switch (packet2.type) {
    case PacketType.PACKET_ACK: {
      const ack = MIMCPacketAck.decode(payload);
      return {
        type: "ack",
        packetId: ack.packetId ?? "",
        sequence: ack.sequence ?? "0",
        timestamp: ack.timestamp ?? "0",
        code: ack.code ?? 0,
        text: ack.errorMsg ?? "",
        index: Number(ack.convIndex ?? 0)
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
        messages: (list.packets ?? []).flatMap(parseMessage)
      };
    }
    case PacketType.ONLINE_MESSAGE:
      return parseOnline(packet2, payload);
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
function fieldsOf(packet2, message2) {
  return {
    packetId: packet2.packetId ?? "",
    sequence: packet2.sequence ?? "0",
    timestamp: packet2.timestamp ?? "0",
    fromAccount: message2.from?.appAccount ?? "",
    fromResource: message2.from?.resource ?? "",
    payload: message2.payload ?? NOTHING,
    bizType: message2.bizType ?? "",
    isStore: message2.isStore ?? true,
    index: Number(packet2.convIndex ?? 0)
  };
}
function parseMessage(packet2) {
  const payload = packet2.payload ?? NOTHING;
  if (packet2.type === PacketType.P2P_MESSAGE) {
    const message2 = MIMCP2PMessage.decode(payload);
    const { appAccount = "", resource = "" } = message2.to ?? {};
    return [new MIMCMessage(fieldsOf(packet2, message2), appAccount, resource)];
  }
  if (packet2.type === PacketType.P2T_MESSAGE) {
    const message2 = MIMCP2TMessage.decode(payload);
    return [new MIMCGroupMessage(fieldsOf(packet2, message2), message2.to?.topicId ?? "0")];
  }
  return [];
}
function parseOnline(packet2, payload) {
  const message2 = MIMCP2PMessage.decode(payload);
  const { appAccount = "", resource = "" } = message2.to ?? {};
  return {
    type: "online",
    message: new MIMCMessage(fieldsOf(packet2, message2), appAccount, resource),
    fromUuid: message2.from?.uuid ?? "0"
  };
}
function parseGroupPacket(packet2) {
  const payload = packet2.payload ?? NOTHING;
  const packetId = packet2.packetId ?? "";
  switch (packet2.type) {
    case GroupPacketType.JOIN_RESP:
    case GroupPacketType.QUIT_RESP: {
      const answer = UCResponse.decode(payload);
      return {
        type: "groupAnswer",
        request: packet2.type === GroupPacketType.JOIN_RESP ? "JOIN" : "QUIT",
        packetId,
        groupId: answer.group?.topicId ?? "0",
        code: answer.code ?? 0,
        text: answer.message ?? "",
        online: 0
      };
    }
    case GroupPacketType.QUERY_ONLINE_USERS_RESP: {
      const answer = UCQueryOnlineUsersResp.decode(payload);
      const groupId = answer.group?.topicId ?? "0";
      const online2 = Number(answer.userCount ?? 0);
      return { type: "groupAnswer", request: "QUERY_ONLINE_USERS", packetId, groupId, code: 0, text: "", online: online2 };
    }
    case GroupPacketType.MESSAGE_LIST: {
      const list = UCMessageList.decode(payload);
      const groupId = list.group?.topicId ?? "0";
      const messages = (list.message ?? []).map((message2) => groupMessageOf(groupId, message2));
      return { type: "groupList", groupId, maxSequence: list.maxSequence ?? "0", messages };
    }
    case GroupPacketType.DISMISS:
      return { type: "dismissed", groupId: UCRequest.decode(payload).group?.topicId ?? "0" };
    default:
      return OTHER;
  }
}
function groupMessageOf(groupId, message2) {
  return new MIMCGroupMessage(
    {
      packetId: message2.packetId ?? "",
      sequence: message2.sequence ?? "0",
      timestamp: message2.timestamp ?? "0",
      fromAccount: message2.user?.appAccount ?? "",
      fromResource: message2.user?.resource ?? "",
      payload: message2.payload ?? NOTHING,
      bizType: message2.bizType ?? "",
      isStore: message2.isStore ?? false,
      index: 0
    },
    groupId
  );
}

// src/tap.ts
var HIDDEN = "(hidden)";
var SECRETS = ["token", "sig"];
function describe(direction, header, payload, bytes2) {
  const command = header.cmd ?? "";
  let kind = "";
  let body = {};
  try {
    if (command === "SECMSG") [kind, body] = describePacket(MIMCPacket.decode(payload));
    else body = describeControl(direction, command, payload);
  } catch {
    body = { unreadable: { bytes: payload.length } };
  }
  return { kind, bytes: bytes2, header: plain(header), body };
}
function describeControl(direction, command, payload) {
  if (command === "CONN") return decoded(direction === "out" ? XMMsgConn : XMMsgConnResp, payload);
  if (command === "BIND") return decoded(direction === "out" ? XMMsgBind : XMMsgBindResp, payload);
  if (command === "KICK") return decoded(XMMsgBindResp, payload);
  return {};
}
var BODIES = {
  [PacketType.P2P_MESSAGE]: MIMCP2PMessage,
  [PacketType.P2T_MESSAGE]: MIMCP2TMessage,
  [PacketType.SEQUENCE_ACK]: MIMCSequenceAck,
  [PacketType.PACKET_ACK]: MIMCPacketAck,
  [PacketType.PULL]: PullMessageRequest,
  [PacketType.ONLINE_MESSAGE]: MIMCP2PMessage,
  [PacketType.ONLINE_MESSAGE_ACK]: MIMCOnlineMessageAck
};
var GROUP_BODIES = {
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
  [GroupPacketType.QUERY_ONLINE_USERS_RESP]: UCQueryOnlineUsersResp
};
function describePacket(packet2) {
  const { payload = new Uint8Array(), type = 0, ...rest } = packet2;
  const name = nameOf(PacketType, type);
  const outer = { ...plain(rest), type: name };
  if (type === PacketType.COMPOUND) {
    const { packets = [], ...list } = MIMCPacketList.decode(payload);
    const inner = packets.map((packet3) => describePacket(packet3)[1]);
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
function read(message2, payload) {
  return message2 === void 0 ? inWords(payload) : decoded(message2, payload);
}
function decoded(message2, payload) {
  return plain(message2.decode(payload));
}
function plain(values) {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== void 0).map(([name, value]) => [name, SECRETS.includes(name) ? HIDDEN : inWords(value)])
  );
}
function inWords(value) {
  if (value instanceof Uint8Array) return findText(value) ?? { bytes: value.length };
  if (Array.isArray(value)) return value.map(inWords);
  if (typeof value === "object" && value !== null) return plain(value);
  return value;
}
function nameOf(names, number) {
  return Object.entries(names).find(([, value]) => value === number)?.[0] ?? String(number);
}

// src/timing.ts
async function withTimeout(promise, timeoutMs, late) {
  if (timeoutMs <= 0) return promise;
  let timer;
  const bound = new Promise((_, reject) => {
    timer = setTimeout(() => reject(late()), timeoutMs);
  });
  try {
    return await Promise.race([promise, bound]);
  } finally {
    clearTimeout(timer);
  }
}
var Deferred = class {
  promise;
  resolve;
  reject;
  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.promise.catch(() => void 0);
  }
};
var Backoff = class {
  constructor(initialMs, maxMs, jitter) {
    this.initialMs = initialMs;
    this.maxMs = maxMs;
    this.jitter = jitter;
    this.#boundMs = initialMs;
  }
  initialMs;
  maxMs;
  jitter;
  #boundMs;
  /** The next delay, below a bound that then doubles. */
  nextDelayMs() {
    const delayMs = this.jitter() * this.#boundMs;
    this.#boundMs = Math.min(this.maxMs, this.#boundMs * 2);
    return delayMs;
  }
  /** Begin again with the initial bound: the last try was a lasting success. */
  reset() {
    this.#boundMs = this.initialMs;
  }
};
var Pause = class {
  #wake;
  /** Return after some time, or when `end` is called. Without a time, only then. One caller at a time. */
  async wait(delayMs) {
    let timer;
    await new Promise((resolve) => {
      this.#wake = resolve;
      if (delayMs !== void 0) timer = setTimeout(resolve, delayMs);
    });
    this.#wake = void 0;
    clearTimeout(timer);
  }
  /** End the wait that is going on, if there is one. */
  end() {
    this.#wake?.();
  }
};
async function nextTask() {
  const { port1, port2 } = new MessageChannel();
  await new Promise((resolve) => {
    port1.onmessage = () => resolve();
    port2.postMessage(null);
  });
  port1.close();
}

// src/link.ts
var SDK_NAME = "openmimc-js";
var ID_PREFIX = randomHex(6);
var ids = 0;
function nextId() {
  ids += 1;
  return `${ID_PREFIX}-${ids}`;
}
var Link = class _Link {
  #socket;
  #settings;
  #tap;
  #end = new Deferred();
  #opened = new Deferred();
  #isOver = false;
  #identity;
  #challenge = "";
  #waiting;
  #onEvent;
  #early = [];
  #lastTwoWayMs = 0;
  #unansweredSinceMs;
  #timer;
  constructor(socket, settings, tap) {
    this.#socket = socket;
    this.#settings = settings;
    this.#tap = tap;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#opened?.resolve();
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onerror = () => void 0;
    socket.onclose = () => this.#fail(new ConnectionLost("the connection was closed"));
  }
  /**
   * Connect and greet.
   *
   * @throws ConnectionLost: no connection, or no greeting in time.
   */
  static async open(url, options, settings) {
    const Socket = options.WebSocket ?? globalThis.WebSocket;
    let link;
    try {
      link = new _Link(new Socket(url), settings, options.onPacket);
    } catch (error) {
      throw new ConnectionLost(`cannot connect to ${url}`, { cause: error });
    }
    try {
      await withTimeout(link.#greet(), settings.connectTimeoutMs, () => new ConnectionLost(`no greeting from ${url}`));
    } catch (error) {
      link.close();
      throw error;
    }
    return link;
  }
  /** Never fulfilled; rejected with a MIMCError when the connection is over. */
  get closed() {
    return this.#end.promise;
  }
  get isOver() {
    return this.#isOver;
  }
  async #greet() {
    await Promise.race([this.#opened.promise, this.closed]);
    this.#opened = void 0;
    this.#send(conn(nextId(), "browser", SDK_NAME));
    const answer = await this.#answer("conn");
    if (answer.type === "conn") this.#challenge = answer.challenge;
  }
  /**
   * Log in. What the server sends from then on waits for `serve`.
   *
   * @throws LoginRefused: the server says no.
   * @throws ConnectionLost: the connection broke, or no answer came in time.
   */
  async bind(identity, sso) {
    this.#identity = identity;
    this.#send(bind(identity, this.#challenge, nextId(), sso));
    const late = () => new ConnectionLost("no answer to the login in time");
    const answer = await withTimeout(this.#answer("bind"), this.#settings.bindTimeoutMs, late);
    if (answer.type !== "bind") return;
    if (!answer.isAccepted) throw new LoginRefused(answer.errorType, answer.reason, answer.description);
    this.#lastTwoWayMs = Date.now();
    this.#watch();
  }
  /** Have every event told, those that came since the login first. */
  serve(onEvent) {
    this.#onEvent = onEvent;
    const early = this.#early;
    this.#early = [];
    early.forEach(onEvent);
  }
  /** Send a packet of the bound user, after those sent before. The link may break before it has arrived. */
  post(make, ways) {
    if (this.#isOver || this.#identity === void 0) return;
    this.#send(make(this.#identity));
    if (ways === "one-way") return;
    this.#lastTwoWayMs = Date.now();
    this.#unansweredSinceMs ??= this.#lastTwoWayMs;
    this.#watch();
  }
  /** Find out now whether the connection lives. */
  check() {
    this.post((identity) => ping(identity, nextId()), "two-way");
  }
  /** Say that nobody wants this connection any more; never throws. */
  close() {
    this.#fail(new ConnectionLost("closed by this side"));
  }
  #send({ header, payload }) {
    const packet2 = pack(ClientHeader.encode(header), payload);
    this.#tell("out", header, payload, packet2.length);
    try {
      this.#socket.send(packet2);
    } catch (error) {
      this.#fail(new ConnectionLost("the connection is not open", { cause: error }));
    }
  }
  #answer(type) {
    const answer = new Deferred();
    this.#waiting = { type, answer };
    return Promise.race([answer.promise, this.closed]);
  }
  #receive(data) {
    if (this.#isOver) return;
    if (!(data instanceof ArrayBuffer)) return this.#fail(new ConnectionLost("the server sent text"));
    this.#unansweredSinceMs = void 0;
    let event;
    try {
      event = this.#read(new Uint8Array(data));
    } catch (error) {
      if (!(error instanceof BadPacket)) throw error;
      return this.#fail(new ConnectionLost(`the server broke the protocol: ${error.message}`));
    }
    if (this.#waiting?.type === event.type) {
      this.#waiting.answer.resolve(event);
      this.#waiting = void 0;
    } else if (this.#onEvent === void 0) {
      this.#early.push(event);
    } else {
      this.#onEvent(event);
    }
  }
  #read(packet2) {
    const parts = unpack(packet2);
    const header = ClientHeader.decode(parts.header);
    let payload = parts.payload;
    if (header.cmd === "SECMSG") {
      if (this.#identity === void 0) return { type: "other" };
      payload = rc4(payloadKey(this.#identity.securityKey, header.id ?? ""), payload);
    }
    this.#tell("in", header, payload, packet2.length);
    return parse(header.cmd ?? "", payload);
  }
  #tell(direction, header, payload, bytes2) {
    if (this.#tap === void 0) return;
    try {
      this.#tap(direction, header.cmd ?? "", describe(direction, header, payload, bytes2));
    } catch (error) {
      console.error("onPacket failed", error);
    }
  }
  #fail(error) {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#end.reject(error);
    this.#socket.close();
  }
  #watch() {
    if (this.#isOver) return;
    clearTimeout(this.#timer);
    const { pingIntervalMs, deadAfterMs } = this.#settings;
    const now = Date.now();
    if (this.#unansweredSinceMs === void 0) {
      if (now - this.#lastTwoWayMs >= pingIntervalMs) return this.check();
      this.#timer = setTimeout(() => this.#watch(), this.#lastTwoWayMs + pingIntervalMs - now);
    } else if (now - this.#unansweredSinceMs >= deadAfterMs) {
      this.#fail(new ConnectionLost("the server went silent"));
    } else {
      this.#timer = setTimeout(() => this.#watch(), this.#unansweredSinceMs + deadAfterMs - now);
    }
  }
};

// src/inbox.ts
var Inbox = class {
  #host;
  #seen;
  #lists = [];
  #queued = 0;
  #isDropping = false;
  #isRunning = false;
  #isClosed = false;
  constructor(host, seen) {
    this.#host = host;
    this.#seen = seen;
  }
  /** Queue a list, without what was seen before. */
  add(delivered) {
    if (this.#isClosed) return;
    const { messages, minSequence, maxSequence, isOverflow } = delivered;
    if (this.#isDropping || this.#lists.length > 0 && this.#queued + messages.length > this.#host.maxMessages) {
      this.#isDropping = true;
      return;
    }
    const gap = isOverflow ? [minSequence, maxSequence] : void 0;
    if (gap && this.#lists.some((list) => list.gap?.[0] === gap[0] && list.gap[1] === gap[1])) return;
    const fresh = messages.filter((message2) => this.#seen.add(message2.sequence));
    const last = this.#lists.at(-1);
    if (fresh.length === 0 && gap === void 0 && last !== void 0) {
      last.maxSequence = maxSequence;
    } else {
      this.#lists.push({ maxSequence, messages: fresh, gap });
      this.#queued += fresh.length;
    }
    if (!this.#isRunning) void this.#run();
  }
  /** Note a new login: the server begins again behind the last acknowledgement, unasked. */
  reconnected() {
    this.#isDropping = false;
  }
  /** Hand over nothing any more. What waits is new again to the next inbox. */
  close() {
    this.#isClosed = true;
    this.#forgetQueued();
  }
  #forgetQueued() {
    for (const { messages } of this.#lists) for (const { sequence } of messages) this.#seen.forget(sequence);
    this.#lists = [];
    this.#queued = 0;
  }
  async #run() {
    this.#isRunning = true;
    while (!this.#isClosed && this.#lists.length > 0) {
      await this.#work(this.#lists[0]);
      if (this.#lists.length === 0 && this.#isDropping && !this.#isClosed) {
        this.#isDropping = false;
        this.#host.pull();
      }
    }
    this.#isRunning = false;
  }
  async #work(list) {
    for (let message2 = list.messages.shift(); message2 !== void 0; message2 = list.messages.shift()) {
      this.#queued -= 1;
      if (!await this.#host.handle(message2)) return this.#retry(message2);
      this.#host.succeeded();
      if (this.#isClosed) {
        return;
      }
    }
    if (list.gap && !await this.#host.reportGap(...list.gap)) {
      this.#forgetQueued();
      return;
    }
    if (this.#isClosed) return;
    this.#lists.shift();
    this.#host.acknowledge(list.maxSequence);
  }
  /** Have a message that was not handled come again, and all behind it: order is kept. */
  async #retry(message2) {
    this.#seen.forget(message2.sequence);
    this.#forgetQueued();
    this.#isDropping = true;
    await this.#host.pause();
    if (this.#isClosed) return;
    this.#isDropping = false;
    this.#host.pull();
  }
};

// src/outbox.ts
var Outbox = class {
  constructor(limit) {
    this.limit = limit;
  }
  limit;
  #waiting = /* @__PURE__ */ new Map();
  /** What has no answer, oldest first: what a new connection has to send again. */
  get unanswered() {
    return Array.from(this.#waiting.values(), ({ make }) => make);
  }
  /**
   * Take something in; the promise gives its answer, refusals included.
   *
   * @throws MIMCError: its packet id is being sent already, or too much is waiting.
   */
  add(packetId, make, expects) {
    if (this.#waiting.has(packetId)) throw new MIMCError(`packet id ${packetId} is still being sent`);
    if (this.#waiting.size >= this.limit) throw new MIMCError(`${this.limit} messages wait for their receipts`);
    const answer = new Deferred();
    this.#waiting.set(packetId, { make, expects, answer });
    return answer.promise;
  }
  /** Hand an answer to whoever waits for it. What nobody waits for is a repeat, and harmless. */
  settle(answer) {
    const waiting = this.#waiting.get(answer.packetId);
    if (waiting?.expects !== answer.type) return;
    this.#waiting.delete(answer.packetId);
    waiting.answer.resolve(answer);
  }
  /** Stop waiting, and do not send it again. */
  drop(packetId) {
    this.#waiting.delete(packetId);
  }
  /** End every wait with an error: there will be no connection any more. */
  failAll(error) {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { answer } of waiting) answer.reject(error);
  }
};
var OnlineReceipts = class {
  #waiting = /* @__PURE__ */ new Map();
  expect(packetId) {
    const receipt = new Deferred();
    this.#waiting.set(packetId, receipt);
    return receipt.promise;
  }
  settle(ack) {
    this.#waiting.get(ack.packetId)?.resolve(ack);
    this.#waiting.delete(ack.packetId);
  }
  drop(packetId) {
    this.#waiting.delete(packetId);
  }
  failAll(error) {
    for (const receipt of this.#waiting.values()) receipt.reject(error);
    this.#waiting.clear();
  }
};

// src/session.ts
var GROUPS_PER_PING = 1e3;
var FIRST_REFUSAL = 400;
var Session = class {
  #device;
  #options;
  #settings;
  #listener;
  #outbox;
  #onlineReceipts = new OnlineReceipts();
  #inbox;
  #groupInbox;
  #backoff;
  #handlerBackoff;
  #online = new Deferred();
  #over = new Deferred();
  #pause = new Pause();
  #onlineMessages = Promise.resolve();
  #link;
  /** Opened, perhaps not bound yet. */
  #newest;
  #groupTimer;
  #knowsGroups = false;
  #wasOnline = false;
  #isLeaving = false;
  #isSuspended = false;
  #status = "offline";
  #end;
  constructor(device, options, settings, listener) {
    this.#device = device;
    this.#options = options;
    this.#settings = settings;
    this.#listener = listener;
    this.#outbox = new Outbox(settings.maxUnacknowledged);
    const { backoffInitialMs, backoffMaxMs, jitter, maxQueuedMessages } = settings;
    this.#backoff = new Backoff(backoffInitialMs, backoffMaxMs, jitter);
    this.#handlerBackoff = new Backoff(backoffInitialMs, backoffMaxMs, jitter);
    const pause = () => this.#pauseHandlers();
    const succeeded = () => this.#handlerBackoff.reset();
    this.#inbox = new Inbox(
      {
        maxMessages: maxQueuedMessages,
        handle: (message2) => listener.message(message2),
        reportGap: (min, max) => listener.gap(min, max),
        acknowledge: (sequence) => this.#post((identity) => sequenceAck(identity, nextId(), sequence)),
        pull: () => this.#post((identity) => pull(identity, nextId())),
        pause,
        succeeded
      },
      device.seen
    );
    this.#groupInbox = new GroupInbox(
      {
        maxMessages: maxQueuedMessages,
        handle: (message2) => listener.groupMessage(message2),
        acknowledge: (groupId, sequence) => this.#post((identity) => groupAck(identity, nextId(), groupId, sequence)),
        pause,
        succeeded
      },
      device.groups
    );
  }
  /** Where it stands. */
  get status() {
    return this.#status;
  }
  /** Why it is over, undefined while it is not. */
  get end() {
    return this.#end;
  }
  /** Whether there is an open connection, bound or not. */
  get isConnected() {
    return this.#newest !== void 0 && !this.#newest.isOver;
  }
  /** Fulfilled when the user is online for the first time; rejected when that will not happen. */
  get online() {
    return this.#online.promise;
  }
  /** Begin to log in. */
  start() {
    this.#setStatus("connecting", "login");
    void this.#keepOnline();
  }
  /**
   * Send something now, or as soon as there is a connection; again on every new one, until the answer.
   *
   * @throws MIMCError: the session is over; or see `Outbox.add`.
   */
  send(packetId, make, expects) {
    if (this.#end) throw this.#end;
    const answer = this.#outbox.add(packetId, make, expects);
    this.#post(make, "two-way");
    return answer;
  }
  /** Give up on an answer, and do not send what it answers again. */
  drop(packetId) {
    this.#outbox.drop(packetId);
    this.#onlineReceipts.drop(packetId);
  }
  /**
   * Send an online message on the connection there is.
   *
   * @throws ConnectionLost: there is none now; the message was not sent and will not be.
   */
  sendOnline(make) {
    if (this.#end) throw this.#end;
    if (this.#link === void 0) throw new ConnectionLost("not connected now; the online message was not sent");
    this.#post(make);
  }
  /** Wait, for ever if need be, for a receipt of an online message. Call it before sending. */
  expectOnlineReceipt(packetId) {
    if (this.#end) throw this.#end;
    return this.#onlineReceipts.expect(packetId);
  }
  /** Ask the server for what is not acknowledged. */
  pull(packetId) {
    if (this.#end) throw this.#end;
    this.#post((identity) => pull(identity, packetId));
  }
  /** Cut the connection and stay away until `resume`. What is sent meanwhile waits. */
  suspend() {
    if (this.#end || this.#isSuspended) return;
    this.#isSuspended = true;
    this.#pause.end();
    this.#newest?.close();
    this.#setStatus("suspended", "suspended");
  }
  /** Undo `suspend`. */
  resume() {
    if (!this.#isSuspended) return;
    this.#isSuspended = false;
    if (this.#end) return;
    this.#setStatus("connecting", "resumed");
    this.hurry();
  }
  /** Do not wait with the next try, and find out now whether the connection there is lives. */
  hurry() {
    this.#pause.end();
    this.#link?.check();
  }
  /** Log out: tell the server if there is a connection, await its word, end the session. */
  async leave() {
    if (this.#end === void 0 && this.#link !== void 0) {
      this.#isLeaving = true;
      this.#post((identity) => unbind(identity, nextId()), "two-way");
      await withTimeout(this.#over.promise, this.#settings.logoutTimeoutMs, () => new Error()).catch(() => void 0);
    }
    this.close(new NotLoggedIn("logged out"));
  }
  /** End the session without a word to the server. Only the first reason counts. */
  close(end) {
    if (this.#end) return;
    this.#end = end;
    this.#online.reject(end);
    this.#outbox.failAll(end);
    this.#onlineReceipts.failAll(end);
    this.#inbox.close();
    this.#groupInbox.close();
    clearTimeout(this.#groupTimer);
    this.#pause.end();
    this.#newest?.close();
    this.#link = void 0;
    this.#setStatus("offline", end.message);
    this.#over.resolve();
  }
  // ---------------------------------------------------------------- staying online
  async #keepOnline() {
    while (this.#end === void 0) {
      if (this.#isSuspended) {
        await this.#pause.wait();
        continue;
      }
      let failure;
      try {
        failure = await this.#oneConnection();
      } catch (error) {
        failure = error instanceof MIMCError ? error : new MIMCError("internal error", { cause: error });
        if (failure !== error) console.error(error);
      }
      if (this.#end !== void 0) return;
      const isFinal = this.#isFinal(failure);
      if (this.#isLeaving) return this.close(new NotLoggedIn("logged out"));
      if (failure instanceof LoginRefused || failure instanceof TokenUnavailable || isFinal && failure instanceof Kicked) {
        this.#listener.loginAnswered(failure);
      }
      if (isFinal || this.#options.reconnect === false) return this.close(failure);
      if (this.#isSuspended) continue;
      this.#setStatus("connecting", failure.message);
      await this.#pause.wait(this.#backoff.nextDelayMs());
    }
  }
  /**
   * Whether trying again is pointless; discards credentials that the server does not take.
   *
   * What was good once is tried again and again, because only the app can know that it never will be.
   */
  #isFinal(failure) {
    const { tokens } = this.#device;
    if (failure instanceof Kicked) {
      if (failure.needsToken) tokens.discard();
      return failure.isFinal;
    }
    if (failure instanceof LoginRefused) {
      if (!failure.needsToken) return !failure.isTemporary && !this.#wasOnline;
      const wasFresh = tokens.isFresh;
      tokens.discard();
      return wasFresh && !this.#wasOnline;
    }
    return failure instanceof TokenRefused && !failure.isTemporary && !this.#wasOnline;
  }
  /** Live through one connection, and return why it ended. */
  async #oneConnection() {
    const { tokens, appId, account, resource, websocketUrl } = this.#device;
    const credentials = await tokens.get(this.#settings.tokenTimeoutMs);
    if (this.#end || this.#isSuspended) return new ConnectionLost("not wanted any more");
    const link = await Link.open(websocketUrl, this.#options, this.#settings);
    this.#newest = link;
    let kicked;
    let onlineSinceMs = Infinity;
    try {
      if (this.#end || this.#isSuspended) return new ConnectionLost("not wanted any more");
      await link.bind({ appId, account, resource, ...credentials }, this.#options.sso === true);
      onlineSinceMs = Date.now();
      this.#bound(link);
      await nextTask();
      link.serve((event) => {
        if (event.type === "kick") {
          kicked = new Kicked(event.errorType, event.reason, event.description);
          link.close();
        } else {
          this.#handle(event);
        }
      });
      await link.closed;
    } catch (error) {
      if (!(error instanceof MIMCError)) throw error;
      return kicked ?? error;
    } finally {
      this.#link = void 0;
      clearTimeout(this.#groupTimer);
      link.close();
      if (Date.now() - onlineSinceMs >= this.#settings.stableAfterMs) this.#backoff.reset();
      if (this.#end === void 0) this.#listener.disconnected();
    }
    throw new Error("a link ends by a rejection only");
  }
  #bound(link) {
    this.#wasOnline = true;
    this.#device.tokens.isFresh = false;
    this.#inbox.reconnected();
    for (const make of this.#outbox.unanswered) link.post(make, "two-way");
    this.#link = link;
    this.#knowsGroups = false;
    void this.#pingGroups();
    this.#setStatus("online", "");
    this.#listener.loginAnswered(void 0);
    this.#online.resolve();
  }
  #handle(event) {
    switch (event.type) {
      case "ack":
        this.#outbox.settle(event);
        return this.#listener.ack(event);
      case "list": {
        const { uuid, resource } = event;
        if (uuid === this.#device.tokens.current?.uuid && resource === this.#device.resource) this.#inbox.add(event);
        return;
      }
      case "groupList":
        return this.#groupInbox.add(event);
      case "groupAnswer":
        if (event.code === 0 && event.request === "JOIN") this.#device.groups.add(event.groupId);
        if (event.code === 0 && event.request === "QUIT") this.#device.groups.discard(event.groupId);
        this.#outbox.settle(event);
        return this.#listener.groupAnswered(event);
      case "dismissed":
        this.#device.groups.discard(event.groupId);
        return this.#listener.dismissed(event.groupId);
      case "online":
        this.#takeOnline(event);
        return;
      case "onlineAck":
        if (event.code >= FIRST_REFUSAL) console.warn(`online message refused: ${event.code} ${event.text}`);
        return this.#onlineReceipts.settle(event);
      default:
        return;
    }
  }
  #post(make, ways = "one-way") {
    this.#link?.post(make, ways);
  }
  #takeOnline(event) {
    this.#onlineMessages = this.#onlineMessages.then(async () => {
      if (this.#end || !await this.#listener.onlineMessage(event.message)) return;
      this.#post((identity) => onlineAck(identity, nextId(), event));
    });
  }
  /** Tell the server of all known groups, and do so again after the interval. */
  async #pingGroups() {
    const link = this.#link;
    clearTimeout(this.#groupTimer);
    if (!this.#knowsGroups) {
      try {
        for (const id of await this.#listener.listGroups()) this.#device.groups.add(id);
        this.#knowsGroups = true;
      } catch (error) {
        console.warn("the list of unlimited groups is not to be had now", error);
      }
    }
    if (link === void 0 || link !== this.#link) return;
    const { ids: ids2 } = this.#device.groups;
    for (let start = 0; start < ids2.length; start += GROUPS_PER_PING) {
      const some = ids2.slice(start, start + GROUPS_PER_PING);
      this.#post((identity) => groupPing(identity, nextId(), some), "two-way");
    }
    this.#groupTimer = setTimeout(() => void this.#pingGroups(), this.#settings.groupPingIntervalMs);
  }
  async #pauseHandlers() {
    const delayMs = this.#settings.handlerRetryMs + this.#handlerBackoff.nextDelayMs();
    await withTimeout(this.#over.promise, delayMs, () => new Error()).catch(() => void 0);
  }
  #setStatus(status, reason) {
    if (this.#status === status && status === "connecting") return;
    this.#status = status;
    this.#listener.status(status, reason);
  }
};

// src/tokens.ts
var Tokens = class {
  constructor(appId, account) {
    this.appId = appId;
    this.account = account;
  }
  appId;
  account;
  #fetch;
  #credentials;
  /** The credentials were fetched, and the server has not taken them yet. */
  isFresh = false;
  /** What was fetched last, if it is still thought to be good. */
  get current() {
    return this.#credentials;
  }
  set fetcher(fetch2) {
    this.#fetch = fetch2;
  }
  discard() {
    this.#credentials = void 0;
  }
  /**
   * Credentials, fetched if there are none.
   *
   * @throws TokenUnavailable, TokenRefused: there are none to be had now.
   */
  async get(timeoutMs) {
    if (this.#credentials === void 0) {
      this.#credentials = this.#read(await this.#ask(timeoutMs));
      this.isFresh = true;
    }
    return this.#credentials;
  }
  async #ask(timeoutMs) {
    const fetch2 = this.#fetch;
    if (fetch2 === void 0) throw new TokenUnavailable("no token fetcher is registered");
    try {
      const late = new TokenUnavailable("the token fetcher gave nothing in time");
      const answer = await withTimeout(Promise.resolve().then(fetch2), timeoutMs, () => late);
      return typeof answer === "string" ? JSON.parse(answer) : answer;
    } catch (error) {
      if (error instanceof TokenUnavailable) throw error;
      throw new TokenUnavailable("the token fetcher failed", { cause: error });
    }
  }
  #read(answer) {
    const { code, message: message2, data } = recordOf(answer);
    if (Number(code) !== 200) {
      if (code === void 0) throw new TokenUnavailable("no token answer");
      throw new TokenRefused(Number(code), text(message2) ?? "refused without a reason");
    }
    const fields = recordOf(data);
    const [uuid, token, securityKey] = ["miUserId", "token", "miUserSecurityKey"].map((name) => text(fields[name]));
    if (!uuid || !/^\d+$/.test(uuid) || !token || !securityKey || !isBase64(securityKey)) {
      throw new TokenUnavailable("no token answer: a field is missing or malformed");
    }
    if (text(fields["appAccount"]) !== this.account) {
      throw new TokenUnavailable("the token answer is for another account");
    }
    if (text(fields["appId"]) !== this.appId) throw new TokenUnavailable("the token answer is for another app");
    return { appPackage: text(fields["appPackage"]) ?? "", uuid, token, securityKey };
  }
};
function recordOf(value) {
  return typeof value === "object" && value !== null ? value : {};
}
function text(value) {
  if (typeof value === "string") return value;
  return Number.isSafeInteger(value) ? String(value) : void 0;
}
function isBase64(value) {
  try {
    return fromBase64(value).length > 0;
  } catch {
    return false;
  }
}

// src/user.ts
var MAX_PAYLOAD_BYTES = 65536;
var MAX_ACCOUNT_BYTES = 256;
var MAX_RESOURCE_BYTES = 128;
var loggedIn = /* @__PURE__ */ new Map();
var MIMCUser = class {
  #device;
  #address;
  #options;
  #settings;
  #old = {};
  #listeners = /* @__PURE__ */ new Map();
  /** What the app wants back with the answer to a join or quit. */
  #contexts = /* @__PURE__ */ new Map();
  #session;
  #hurry = () => {
    if (typeof document === "undefined" || document.visibilityState !== "hidden") this.#session?.hurry();
  };
  /**
   * @param appId The app's id, as decimal digits.
   * @param appAccount The app's own name of the user, 1 to 256 bytes.
   * @param resource Name of this device, 1 to 128 bytes. The server keeps a place in the inbox for each. By
   *   default one that this browser keeps for this user; elsewhere a random one per object.
   * @param options Where the server is, and the rest.
   * @throws MIMCError: an address or a name cannot be used.
   */
  constructor(appId, appAccount, resource, options = {}) {
    const id = String(appId);
    if (!/^\d+$/.test(id) || typeof appId === "number" && !Number.isSafeInteger(appId)) {
      throw new MIMCError("the app id has to be decimal digits, as a string");
    }
    checkName("account", appAccount, MAX_ACCOUNT_BYTES);
    const name = resource || defaultResource(id, appAccount);
    checkName("resource", name, MAX_RESOURCE_BYTES);
    this.#options = options;
    this.#settings = { ...DEFAULTS, ...options.settings };
    if (this.#settings.rememberedSequences < 2 * this.#settings.maxQueuedMessages) {
      throw new MIMCError("rememberedSequences must be at least twice maxQueuedMessages");
    }
    this.#address = resolveEndpoints(options.endpoints);
    if ((options.WebSocket ?? globalThis.WebSocket) === void 0) {
      throw new MIMCError("there is no WebSocket here: give options.WebSocket");
    }
    this.#device = {
      websocketUrl: this.#address.websocketUrl,
      appId: id,
      account: appAccount,
      resource: name,
      tokens: new Tokens(id, appAccount),
      seen: new SeenSequences(this.#settings.rememberedSequences),
      groups: new KnownGroups()
    };
  }
  // ---------------------------------------------------------------- handlers
  /** Set what is called with each one-to-one message (`MIMCMessage`). */
  registerP2PMsgHandler(handler) {
    this.#old.p2p = handler;
  }
  /** Set what is called with each message of a topic (`MIMCGroupMessage`). */
  registerGroupMsgHandler(handler) {
    this.#old.group = handler;
  }
  /** Set what is called when the server has answered a message: stored, or refused with a text. */
  registerServerAckHandler(handler) {
    this.#old.serverAck = handler;
  }
  /** Set what gives the token service's answer, as an object or as text, at once or by a promise. */
  registerFetchToken(fetcher) {
    this.#device.tokens.fetcher = fetcher;
  }
  /** Set what is called with each answer to a login, those after a reconnect included. */
  registerStatusChange(handler) {
    this.#old.statusChange = handler;
  }
  /** Set what is called whenever a connection has ended. The SDK connects again by itself. */
  registerDisconnHandler(handler) {
    this.#old.disconnected = handler;
  }
  /** Set what is called with the answer to a join. */
  registerUCJoinRespHandler(handler) {
    this.#old.joined = handler;
  }
  /** Set what is called with the answer to a quit. */
  registerUCQuitRespHandler(handler) {
    this.#old.quit = handler;
  }
  /** Set what is called with each message of an unlimited group. */
  registerUCMsgHandler(handler) {
    this.#old.unlimited = handler;
  }
  /** Set what is called with the id of an unlimited group that is no more. */
  registerUCDismissHandler(handler) {
    this.#old.dismissed = handler;
  }
  /**
   * Set what is called with the first and last sequence of messages that the server does not send because they
   * are too many. They are in its history. Afterwards they count as received, unless the handler returns false,
   * or a promise of it: then the server tells of them again after the next login, and nothing behind them comes
   * before that.
   */
  registerPullNotificationHandler(handler) {
    this.#old.pullNotification = handler;
  }
  /**
   * Register a listener; any number per event.
   *
   * If a listener of messages throws or its promise is rejected, the message comes again after a pause, and those
   * behind it wait. (A message whose `register...Handler` throws counts as received, as with the original SDK.)
   *
   * @returns Takes the listener away again.
   */
  on(event, listener) {
    let listeners = this.#listeners.get(event);
    if (listeners === void 0) this.#listeners.set(event, listeners = /* @__PURE__ */ new Set());
    listeners.add(listener);
    return () => this.off(event, listener);
  }
  /** Take a listener away. */
  off(event, listener) {
    this.#listeners.get(event)?.delete(listener);
  }
  // ---------------------------------------------------------------- state
  get appId() {
    return this.#device.appId;
  }
  /** The name of this device. */
  get resource() {
    return this.#device.resource;
  }
  /** Where the user stands. */
  get status() {
    return this.#session?.status ?? "offline";
  }
  /** The token, for REST calls in the header `token`; "" before the first login. */
  getToken() {
    return this.#device.tokens.current?.token ?? "";
  }
  /** The server's number of this user, decimal digits; "" before the first login. */
  getUuid() {
    return this.#device.tokens.current?.uuid ?? "";
  }
  getAppAccount() {
    return this.#device.account;
  }
  /** Whether there is a connection to the server. */
  isConnected() {
    return this.#session?.isConnected ?? false;
  }
  /** Whether the user is logged in, and connected. */
  isLogin() {
    return this.status === "online";
  }
  // ---------------------------------------------------------------- coming and going
  /**
   * Log in, and stay logged in until `logout`; nothing happens if that is so already.
   *
   * Connections that fail are tried again. The promise is fulfilled when the user is online for the first time.
   * Another object of the same app, account and resource on this page is closed: one device is one connection.
   *
   * @throws LoginRefused: by promise: the server refused, and a new token does not help.
   * @throws TokenRefused: by promise: the token service refused.
   * @throws NotLoggedIn: by promise: `logout` or `close` was called meanwhile.
   */
  login() {
    let session = this.#session;
    if (session === void 0 || session.end !== void 0) {
      const { appId, account, resource, tokens } = this.#device;
      const key = JSON.stringify([appId, account, resource]);
      const other = loggedIn.get(key);
      if (other !== this) other?.close();
      loggedIn.set(key, this);
      tokens.discard();
      session = this.#session = new Session(this.#device, this.#options, this.#settings, this.#listener());
      this.#watchPage();
      session.start();
    } else if (session.status === "suspended") {
      session.resume();
    }
    return session.online;
  }
  /**
   * Log out and stay offline. Sends that have no receipt yet are rejected with `NotLoggedIn`.
   *
   * What was received and not handled is sent again after the next login of this resource. The promise is
   * fulfilled when the server knows, or cannot be told.
   */
  async logout() {
    await this.#session?.leave();
  }
  /** Break off: as `logout`, but the server is not told. */
  close() {
    this.#session?.close(new NotLoggedIn("closed"));
  }
  /** Cut the connection and stay away until `resume` or `login`. What is sent meanwhile waits. */
  suspend() {
    this.#session?.suspend();
  }
  /** Connect again after `suspend`. */
  resume() {
    this.#session?.resume();
  }
  // ---------------------------------------------------------------- sending
  /**
   * Send a one-to-one message, and tell of the server's answer by the server ack handler alone.
   *
   * While there is no connection the message waits for one.
   *
   * @param toUser Any account of the app; one never seen before is created.
   * @param message At most 65,536 bytes.
   * @param bizType The app's own label.
   * @param isStore Whether the server's history keeps it.
   * @returns The packet id.
   * @throws NotLoggedIn: there is no session.
   * @throws MIMCError: the message is too long, or too many wait already.
   */
  sendMessage(toUser, message2, bizType, isStore = true) {
    const choices = choose(message2, { bizType, isStore });
    return this.#fling(choices.packetId, (identity) => p2p(identity, toUser, choices));
  }
  /** Send a message to a topic that this user is a member of; otherwise as `sendMessage`. */
  sendGroupMessage(topicId, message2, bizType, isStore = true) {
    const [id, choices] = [idOf(topicId), choose(message2, { bizType, isStore })];
    return this.#fling(choices.packetId, (identity) => p2t(identity, id, choices));
  }
  /** Send a message to an unlimited group; otherwise as `sendMessage`. It does not come back to this device. */
  sendUnlimitedGroupMessage(topicId, message2, bizType, isStore = false) {
    const [id, choices] = [idOf(topicId), choose(message2, { bizType, isStore })];
    return this.#fling(choices.packetId, (identity) => groupMessage(identity, id, choices));
  }
  /**
   * Send a one-to-one message; the promise is fulfilled when the server has stored it.
   *
   * Messages are stored in the order of the calls. While there is no connection the message waits for one.
   *
   * @throws Refused: by promise: it will not be stored; `code` says why.
   * @throws TimedOut: by promise: the outcome is unknown.
   * @throws NotLoggedIn: by promise: there is no session, or it ends before the receipt.
   */
  async send(toAccount, payload, options = {}) {
    const choices = choose(payload, options);
    return this.#sendAndWait(choices, options, (identity) => p2p(identity, toAccount, choices));
  }
  /** Send a message to a topic that this user is a member of; otherwise as `send`. */
  async sendToTopic(topicId, payload, options = {}) {
    const [id, choices] = [idOf(topicId), choose(payload, options)];
    return this.#sendAndWait(choices, options, (identity) => p2t(identity, id, choices));
  }
  /** Send a message to an unlimited group that this user is a member of; otherwise as `send`. */
  async sendToUnlimitedGroup(groupId, payload, options = {}) {
    const [id, choices] = [idOf(groupId), choose(payload, options)];
    return this.#sendAndWait(choices, options, (identity) => groupMessage(identity, id, choices));
  }
  /**
   * Send a message to the devices of an account that are there now, and do not wait for anything.
   *
   * It is stored nowhere, and is lost if nobody is there: good for "is typing".
   *
   * @returns The packet id.
   * @throws ConnectionLost: there is no connection now; it will not be sent.
   * @throws NotLoggedIn: there is no session.
   */
  sendOnline(toAccount, payload, options = {}) {
    const choices = choose(payload, options);
    const to = options.toResource ?? "";
    this.#wanted().sendOnline((identity) => online(identity, toAccount, to, choices));
    return choices.packetId;
  }
  /**
   * Send an online message, and wait until a device has it.
   *
   * @throws TimedOut: by promise: no receipt; most likely nobody is there.
   * @throws Refused: by promise: the server refused it.
   * @throws ConnectionLost: by promise: there is no connection now; it will not be sent.
   */
  async sendOnlineAndWait(toAccount, payload, options = {}) {
    const session = this.#wanted();
    const packetId = options.packetId ?? nextId();
    const receipt = session.expectOnlineReceipt(packetId);
    try {
      this.sendOnline(toAccount, payload, { ...options, packetId });
      const timeoutMs = options.timeoutMs ?? this.#settings.onlineReceiptTimeoutMs;
      const { code, text: text2 } = await withTimeout(receipt, timeoutMs, () => new TimedOut(packetId, packetId));
      if (code >= FIRST_REFUSAL2) throw new Refused(code, text2, packetId);
      return { packetId, code, text: text2 };
    } finally {
      session.drop(packetId);
    }
  }
  /**
   * Ask for what is not acknowledged. Not needed: the SDK asks by itself.
   *
   * @returns The packet id.
   */
  pull() {
    const packetId = nextId();
    this.#wanted().pull(packetId);
    return packetId;
  }
  // ---------------------------------------------------------------- unlimited groups
  /**
   * Make an unlimited group and join it.
   *
   * @param callback Called as `callback(topicId, topicName, isSuccess, errorMessage, context)`.
   */
  createUnlimitedGroup(topicName, callback, context) {
    this.#wanted();
    this.createGroup(topicName, context).then(
      (topicId) => callOld(() => callback?.(topicId, topicName, true, "", context)),
      (error) => callOld(() => callback?.(0, topicName, false, textOfError(error), context))
    );
  }
  /**
   * End an unlimited group of this user.
   *
   * @param callback Called as `callback(isSuccess, topicId, context)`.
   */
  dismissUnlimitedGroup(topicId, callback, context) {
    this.#wanted();
    this.dismissGroup(topicId).then(
      () => callOld(() => callback?.(true, topicId, context)),
      () => callOld(() => callback?.(false, topicId, context))
    );
  }
  /** Join an unlimited group; the answer comes to the join handler, with `context`. Returns the packet id. */
  joinUnlimitedGroup(topicId, context) {
    return this.#flingRequest("JOIN", topicId, context);
  }
  /** Leave an unlimited group; the answer comes to the quit handler, with `context`. Returns the packet id. */
  quitUnlimitedGroup(topicId, context) {
    return this.#flingRequest("QUIT", topicId, context);
  }
  /**
   * Make an unlimited group and join it; the promise gives its id.
   *
   * @throws Refused: by promise: the server refuses. MIMCError: it cannot be reached.
   */
  async createGroup(topicName, context) {
    const data = await this.#call("POST", "/api/uctopic", { body: { topicName } });
    const groupId = idOf(String(data.topicId));
    this.#device.groups.add(groupId);
    this.#flingRequest("JOIN", groupId, context);
    return groupId;
  }
  /** End an unlimited group of this user. Fails as `createGroup`. */
  async dismissGroup(groupId) {
    await this.#call("DELETE", "/api/uctopic", { topicId: idOf(groupId) });
    this.#device.groups.discard(groupId);
  }
  /** The unlimited groups that this user is in. Fails as `createGroup`. */
  async listGroups() {
    const data = await this.#call("GET", "/api/uctopic/topics");
    return Array.isArray(data) ? data.map(String) : [];
  }
  /**
   * Become a member of an unlimited group; nothing happens if this user is one.
   *
   * @throws Refused: by promise: there is no such group (404), or this user may not (403).
   * @throws TimedOut: by promise: the outcome is unknown; ask again.
   */
  async joinGroup(groupId) {
    await this.#ask("JOIN", groupId);
  }
  /** Leave an unlimited group; nothing happens if this user is not in it. Fails as `joinGroup`. */
  async quitGroup(groupId) {
    await this.#ask("QUIT", groupId);
  }
  /** Count the members of an unlimited group who are there now. Fails as `joinGroup`. */
  async countOnline(groupId) {
    return (await this.#ask("QUERY_ONLINE_USERS", groupId)).online;
  }
  // ---------------------------------------------------------------- inner parts
  #wanted() {
    const session = this.#session;
    if (session === void 0) throw new NotLoggedIn("user not login");
    if (session.end !== void 0) throw session.end;
    return session;
  }
  /** Send, and leave the answer to the handlers. */
  #fling(packetId, make, expects = "ack") {
    void this.#wanted().send(packetId, make, expects);
    return packetId;
  }
  #flingRequest(request, topicId, context) {
    const id = idOf(topicId);
    const packetId = nextId();
    this.#fling(packetId, (identity) => askGroup(identity, packetId, request, id), "groupAnswer");
    this.#contexts.set(packetId, context);
    return packetId;
  }
  async #sendAndWait(choices, options, make) {
    const { packetId } = choices;
    const answer = await this.#await(packetId, make, "ack", options.timeoutMs);
    if (answer.type !== "ack") throw new MIMCError("a message is answered by an ack");
    const { code, sequence, timestamp, text: text2, index } = answer;
    if (code !== 0 || sequence === "0") throw new Refused(code, text2, packetId);
    return { packetId, sequence, timestampMs: Number(timestamp), index };
  }
  async #ask(request, groupId) {
    const id = idOf(groupId);
    const packetId = nextId();
    const make = (identity) => askGroup(identity, packetId, request, id);
    const answer = await this.#await(packetId, make, "groupAnswer");
    if (answer.type !== "groupAnswer") throw new MIMCError("a request is answered by an answer");
    if (answer.code !== 0) throw new Refused(answer.code, answer.text, packetId);
    return answer;
  }
  async #await(packetId, make, expects, timeoutMs) {
    const session = this.#wanted();
    const answer = session.send(packetId, make, expects);
    try {
      return await withTimeout(answer, timeoutMs ?? this.#settings.sendTimeoutMs, () => new TimedOut(packetId, packetId));
    } catch (error) {
      session.drop(packetId);
      throw error;
    }
  }
  async #call(...[method, path, details]) {
    this.#wanted();
    const token = this.getToken();
    if (token === "") throw new NotLoggedIn("there is no token yet");
    return callApi(this.#address.apiUrl, token, method, path, details);
  }
  #watchPage() {
    if (typeof window === "undefined") return;
    window.addEventListener("online", this.#hurry);
    document.addEventListener("visibilitychange", this.#hurry);
  }
  #leavePage() {
    if (typeof window === "undefined") return;
    window.removeEventListener("online", this.#hurry);
    document.removeEventListener("visibilitychange", this.#hurry);
  }
  #listener() {
    const old = this.#old;
    return {
      status: (status, reason) => {
        if (status === "offline") this.#ended();
        this.#emit("status", { status, reason });
      },
      loginAnswered: (failure) => callOld(() => old.statusChange?.(failure === void 0, ...inWords2(failure))),
      disconnected: () => callOld(() => old.disconnected?.()),
      ack: ({ packetId, sequence, timestamp, code, text: text2 }) => {
        callOld(() => old.serverAck?.(packetId, sequence, timestamp, text2));
        this.#emit("ack", { packetId, sequence, timestampMs: Number(timestamp), code, text: text2 });
      },
      message: (message2) => "topicId" in message2 ? this.#show("topicMessage", message2, old.group) : this.#show("message", message2, old.p2p),
      groupMessage: (message2) => this.#show("unlimitedMessage", message2, old.unlimited),
      onlineMessage: async (message2) => {
        const isWanted = (this.#listeners.get("onlineMessage")?.size ?? 0) > 0;
        return isWanted && this.#show("onlineMessage", message2, void 0);
      },
      gap: async (minSequence, maxSequence) => {
        if (old.pullNotification === void 0) {
          console.warn(`messages ${minSequence} to ${maxSequence} are in history only`);
          return true;
        }
        try {
          return await old.pullNotification(minSequence, maxSequence) !== false;
        } catch (error) {
          console.error("the pull notification handler failed", error);
          return false;
        }
      },
      groupAnswered: ({ request, groupId, packetId, code, text: text2 }) => {
        const handler = request === "JOIN" ? old.joined : request === "QUIT" ? old.quit : void 0;
        const context = this.#contexts.get(packetId);
        this.#contexts.delete(packetId);
        callOld(() => handler?.(groupId, code, text2, context));
      },
      dismissed: (groupId) => {
        callOld(() => old.dismissed?.(groupId));
        this.#emit("dismissed", { groupId });
      },
      listGroups: () => this.listGroups()
    };
  }
  #ended() {
    this.#leavePage();
    this.#contexts.clear();
    for (const [key, user] of loggedIn) if (user === this) loggedIn.delete(key);
  }
  /** Tell listeners that cannot change anything. */
  #emit(name, event) {
    for (const listener of [...this.#listeners.get(name) ?? []]) {
      callOld(() => listener(event));
    }
  }
  /** Show a message to everybody; false if it is to come again. */
  async #show(name, message2, handler) {
    const listeners = [...this.#listeners.get(name) ?? []];
    if (handler === void 0 && listeners.length === 0) console.warn(`nobody listens to ${name}; it is passed over`);
    try {
      await handler?.(message2);
    } catch (error) {
      console.error(`the handler of ${name} failed; it counts as received`, error);
    }
    const results = await Promise.allSettled(listeners.map(async (listener) => listener(message2)));
    const failures = results.filter((result) => result.status === "rejected");
    for (const { reason } of failures) console.error(`a listener of ${name} failed; it will come again`, reason);
    return failures.length === 0;
  }
};
var FIRST_REFUSAL2 = 400;
function callOld(call) {
  try {
    const result = call();
    if (result instanceof Promise) result.catch((error) => console.error(error));
  } catch (error) {
    console.error(error);
  }
}
function inWords2(failure) {
  if (failure === void 0) return [null, null, null];
  if (failure instanceof TokenRefused) {
    return ["get token failed", `token info code:${failure.code}`, `token info message:${failure.text}`];
  }
  if (failure instanceof TokenUnavailable) return ["get token failed", failure.message, ""];
  const { errorType = "", reason = failure.message, description = "" } = failure;
  return [errorType, reason, description];
}
function textOfError(error) {
  return error instanceof Refused ? error.text : String(error);
}
function checkName(what, name, maxBytes) {
  const bytes2 = utf8(name).length;
  if (bytes2 < 1 || bytes2 > maxBytes) throw new MIMCError(`the ${what} has to have 1 to ${maxBytes} bytes`);
}
function idOf(id) {
  const text2 = String(id);
  if (!/^\d+$/.test(text2) || typeof id === "number" && !Number.isSafeInteger(id)) {
    throw new MIMCError(`no group id: ${text2}; ids are strings of decimal digits`);
  }
  return text2;
}
function bytesOf(payload) {
  if (typeof payload === "string") return utf8(payload);
  return payload instanceof Uint8Array ? payload.slice() : new Uint8Array(payload.slice(0));
}
function choose(payload, options) {
  const bytes2 = bytesOf(payload);
  if (bytes2.length > MAX_PAYLOAD_BYTES) throw new MIMCError(`a message of ${bytes2.length} bytes is too long`);
  const { packetId = nextId(), bizType, isStore = true, wantsIndex } = options;
  return { packetId, payload: bytes2, bizType, isStore, wantsIndex };
}
function defaultResource(appId, account) {
  const fresh = `web-${randomHex(8)}`;
  try {
    const key = `mimc-resource ${appId} ${account}`;
    const kept = localStorage.getItem(key);
    if (kept) return kept;
    localStorage.setItem(key, fresh);
  } catch {
  }
  return fresh;
}

// src/module.ts
useScript(import.meta.url);
export {
  ConnectionLost,
  Kicked,
  LoginRefused,
  MAX_PAYLOAD_BYTES,
  MIMCError,
  MIMCGroupMessage,
  MIMCMessage,
  MIMCUser,
  NotLoggedIn,
  Refused,
  TimedOut,
  TokenRefused,
  TokenUnavailable
};
