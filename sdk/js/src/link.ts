/**
 * One connection to the server: greeting, login, packets both ways, and finding out that it is dead.
 *
 *     Link.open() ── CONN, answer ──> bind() ── BIND, accepted ──> serve() ── until `closed` is rejected
 *
 * Two-way packets are those the server answers in any case (protocol reference, 5.5). Whatever arrives after one
 * proves that the connection lives; silence after one, for `deadAfterMs`, that it does not. A ping is due when no
 * two-way packet was sent for `pingIntervalMs`, so that even a client that only listens finds out. The times are
 * looked at, not counted by the timers, which browsers slow down in hidden pages.
 *
 * @module
 */

import { randomHex } from "./bytes.js";
import { rc4 } from "./ciphers.js";
import { ConnectionLost, LoginRefused, type MIMCError } from "./errors.js";
import { pack, unpack } from "./framing.js";
import * as packets from "./packets.js";
import type { Identity, Packet, ServerEvent } from "./packets.js";
import { BadPacket } from "./protobuf.js";
import { ClientHeader } from "./schemas.js";
import type { Options, Settings, WebSocketLike } from "./settings.js";
import { type Direction, describe } from "./tap.js";
import { Deferred, withTimeout } from "./timing.js";

/** What this SDK calls itself in its greeting, by which servers tell the SDKs apart. */
export const SDK_NAME = "openmimc-js";

const ID_PREFIX = randomHex(6);
let ids = 0;

/** A name that no other packet of this account has: for packets, and their headers. */
export function nextId(): string {
  ids += 1;
  return `${ID_PREFIX}-${ids}`;
}

/** Whether the server has to answer. */
export type Ways = "two-way" | "one-way";

/** A connection between its opening and its end. Make it with `open`, and always `close` it. */
export class Link {
  readonly #socket: WebSocketLike;
  readonly #settings: Settings;
  readonly #tap: Options["onPacket"];
  readonly #end = new Deferred<never>();
  #opened: Deferred<void> | undefined = new Deferred();
  #isOver = false;
  #identity: Identity | undefined;
  #challenge = "";
  #waiting: { type: ServerEvent["type"]; answer: Deferred<ServerEvent> } | undefined;
  #onEvent: ((event: ServerEvent) => void) | undefined;
  #early: ServerEvent[] = [];
  #lastTwoWayMs = 0;
  #unansweredSinceMs: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  private constructor(socket: WebSocketLike, settings: Settings, tap: Options["onPacket"]) {
    this.#socket = socket;
    this.#settings = settings;
    this.#tap = tap;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#opened?.resolve();
    socket.onmessage = ({ data }: { data: unknown }) => this.#receive(data);
    // An error is always followed by a close, and says nothing to pages.
    socket.onerror = () => undefined;
    socket.onclose = () => this.#fail(new ConnectionLost("the connection was closed"));
  }

  /**
   * Connect and greet.
   *
   * @throws ConnectionLost: no connection, or no greeting in time.
   */
  static async open(url: string, options: Options, settings: Settings): Promise<Link> {
    const Socket = options.WebSocket ?? globalThis.WebSocket;
    let link: Link;
    try {
      link = new Link(new Socket(url), settings, options.onPacket);
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
  get closed(): Promise<never> {
    return this.#end.promise;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  async #greet(): Promise<void> {
    await Promise.race([this.#opened!.promise, this.closed]);
    this.#opened = undefined;
    this.#send(packets.conn(nextId(), "browser", SDK_NAME));
    const answer = await this.#answer("conn");
    if (answer.type === "conn") this.#challenge = answer.challenge;
  }

  /**
   * Log in. What the server sends from then on waits for `serve`.
   *
   * @throws LoginRefused: the server says no.
   * @throws ConnectionLost: the connection broke, or no answer came in time.
   */
  async bind(identity: Identity, sso: boolean): Promise<void> {
    this.#identity = identity;
    this.#send(packets.bind(identity, this.#challenge, nextId(), sso));
    const late = (): Error => new ConnectionLost("no answer to the login in time");
    const answer = await withTimeout(this.#answer("bind"), this.#settings.bindTimeoutMs, late);
    if (answer.type !== "bind") return;
    if (!answer.isAccepted) throw new LoginRefused(answer.errorType, answer.reason, answer.description);
    this.#lastTwoWayMs = Date.now();
    this.#watch();
  }

  /** Have every event told, those that came since the login first. */
  serve(onEvent: (event: ServerEvent) => void): void {
    this.#onEvent = onEvent;
    const early = this.#early;
    this.#early = [];
    early.forEach(onEvent);
  }

  /** Send a packet of the bound user, after those sent before. The link may break before it has arrived. */
  post(make: (identity: Identity) => Packet, ways: Ways): void {
    if (this.#isOver || this.#identity === undefined) return;
    this.#send(make(this.#identity));
    if (ways === "one-way") return;
    this.#lastTwoWayMs = Date.now();
    this.#unansweredSinceMs ??= this.#lastTwoWayMs;
    this.#watch();
  }

  /** Find out now whether the connection lives. */
  check(): void {
    this.post((identity) => packets.ping(identity, nextId()), "two-way");
  }

  /** Say that nobody wants this connection any more; never throws. */
  close(): void {
    this.#fail(new ConnectionLost("closed by this side"));
  }

  #send({ header, payload }: Packet): void {
    const packet = pack(ClientHeader.encode(header), payload);
    this.#tell("out", header, payload, packet.length);
    try {
      this.#socket.send(packet);
    } catch (error) {
      this.#fail(new ConnectionLost("the connection is not open", { cause: error }));
    }
  }

  #answer(type: ServerEvent["type"]): Promise<ServerEvent> {
    const answer = new Deferred<ServerEvent>();
    this.#waiting = { type, answer };
    return Promise.race([answer.promise, this.closed]);
  }

  #receive(data: unknown): void {
    if (this.#isOver) return;
    if (!(data instanceof ArrayBuffer)) return this.#fail(new ConnectionLost("the server sent text"));
    this.#unansweredSinceMs = undefined;
    let event: ServerEvent;
    try {
      event = this.#read(new Uint8Array(data));
    } catch (error) {
      if (!(error instanceof BadPacket)) throw error;
      return this.#fail(new ConnectionLost(`the server broke the protocol: ${error.message}`));
    }
    if (this.#waiting?.type === event.type) {
      this.#waiting.answer.resolve(event);
      this.#waiting = undefined;
    } else if (this.#onEvent === undefined) {
      this.#early.push(event);
    } else {
      this.#onEvent(event);
    }
  }

  #read(packet: Uint8Array): ServerEvent {
    const parts = unpack(packet);
    const header = ClientHeader.decode(parts.header);
    let payload = parts.payload;
    if (header.cmd === "SECMSG") {
      if (this.#identity === undefined) return { type: "other" };
      payload = rc4(packets.payloadKey(this.#identity.securityKey, header.id ?? ""), payload);
    }
    this.#tell("in", header, payload, packet.length);
    return packets.parse(header.cmd ?? "", payload);
  }

  #tell(direction: Direction, header: Packet["header"], payload: Uint8Array, bytes: number): void {
    if (this.#tap === undefined) return;
    try {
      this.#tap(direction, header.cmd ?? "", describe(direction, header, payload, bytes));
    } catch (error) {
      console.error("onPacket failed", error);
    }
  }

  #fail(error: MIMCError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#end.reject(error);
    this.#socket.close();
  }

  #watch(): void {
    if (this.#isOver) return;
    clearTimeout(this.#timer);
    const { pingIntervalMs, deadAfterMs } = this.#settings;
    const now = Date.now();
    if (this.#unansweredSinceMs === undefined) {
      if (now - this.#lastTwoWayMs >= pingIntervalMs) return this.check();
      this.#timer = setTimeout(() => this.#watch(), this.#lastTwoWayMs + pingIntervalMs - now);
    } else if (now - this.#unansweredSinceMs >= deadAfterMs) {
      this.#fail(new ConnectionLost("the server went silent"));
    } else {
      this.#timer = setTimeout(() => this.#watch(), this.#unansweredSinceMs + deadAfterMs - now);
    }
  }
}
