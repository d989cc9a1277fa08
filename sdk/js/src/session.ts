/**
 * The time between a login and its end: one user, many connections.
 *
 * Theory of operation. One loop keeps the user online: it opens a link, binds, waits until that ends, waits again
 * (backoff with jitter) and begins anew, until a logout, a final kick, or a refusal of the first login. Two things
 * outlive the links: the outbox, whose messages every new link sends again in their old order, and the inboxes,
 * which filter out what the server repeats.
 *
 *     CONNECTING ──bound──> ONLINE        both ──suspend()──> SUSPENDED ──resume()──> CONNECTING
 *        │   ^                 │
 *        │   └─ link ended ────┤
 *        v                     v
 *     OFFLINE (first login refused; logged out; closed; kicked for good)
 *
 * @module
 */

import { ConnectionLost, Kicked, LoginRefused, MIMCError, NotLoggedIn, TokenRefused, TokenUnavailable } from "./errors.js";
import { GroupInbox, type KnownGroups } from "./groupInbox.js";
import { Inbox } from "./inbox.js";
import { Link, nextId } from "./link.js";
import type { MIMCGroupMessage, MIMCMessage, Status } from "./messages.js";
import { type Answer, type Make, OnlineReceipts, Outbox } from "./outbox.js";
import * as packets from "./packets.js";
import type { Identity, OnlineAck, Packet, ServerEvent } from "./packets.js";
import type { SeenSequences } from "./seen.js";
import type { Options, Settings } from "./settings.js";
import type { Tokens } from "./tokens.js";
import { Backoff, Deferred, nextTask, Pause, withTimeout } from "./timing.js";

/** Servers need not look at more of a ping's groups. */
const GROUPS_PER_PING = 1000;
/** Codes from here on are the server's own; devices have small ones. */
const FIRST_REFUSAL = 400;

/** Who logs in, from where, to where; outlives sessions. */
export interface Device {
  readonly websocketUrl: string;
  readonly appId: string;
  readonly account: string;
  readonly resource: string;
  readonly tokens: Tokens;
  readonly seen: SeenSequences;
  readonly groups: KnownGroups;
}

/** What a session tells. The handlers of messages say whether the message is done with; no other may throw. */
export interface Listener {
  status(status: Status, reason: string): void;
  /** The server, or the token service, has answered a login. */
  loginAnswered(failure: MIMCError | undefined): void;
  /** A connection that had been opened is no more, though nobody closed the session. */
  disconnected(): void;
  ack(ack: packets.Ack): void;
  message(message: MIMCMessage | MIMCGroupMessage): Promise<boolean>;
  groupMessage(message: MIMCGroupMessage): Promise<boolean>;
  onlineMessage(message: MIMCMessage): Promise<boolean>;
  gap(minSequence: string, maxSequence: string): Promise<boolean>;
  groupAnswered(answer: packets.GroupAnswer): void;
  dismissed(groupId: string): void;
  /** Ask the server which unlimited groups this user is in; rejected if it cannot be asked now. */
  listGroups(): Promise<readonly string[]>;
}

/** One period of being online or trying to be. Begins with `start`; end it with `leave` or `close`. */
export class Session {
  readonly #device: Device;
  readonly #options: Options;
  readonly #settings: Settings;
  readonly #listener: Listener;
  readonly #outbox: Outbox;
  readonly #onlineReceipts = new OnlineReceipts();
  readonly #inbox: Inbox;
  readonly #groupInbox: GroupInbox;
  readonly #backoff: Backoff;
  readonly #handlerBackoff: Backoff;
  readonly #online = new Deferred<void>();
  readonly #over = new Deferred<void>();
  readonly #pause = new Pause();
  #onlineMessages: Promise<void> = Promise.resolve();
  #link: Link | undefined;
  /** Opened, perhaps not bound yet. */
  #newest: Link | undefined;
  #groupTimer: ReturnType<typeof setTimeout> | undefined;
  #knowsGroups = false;
  #wasOnline = false;
  #isLeaving = false;
  #isSuspended = false;
  #status: Status = "offline";
  #end: MIMCError | undefined;

  constructor(device: Device, options: Options, settings: Settings, listener: Listener) {
    this.#device = device;
    this.#options = options;
    this.#settings = settings;
    this.#listener = listener;
    this.#outbox = new Outbox(settings.maxUnacknowledged);
    const { backoffInitialMs, backoffMaxMs, jitter, maxQueuedMessages } = settings;
    this.#backoff = new Backoff(backoffInitialMs, backoffMaxMs, jitter);
    this.#handlerBackoff = new Backoff(backoffInitialMs, backoffMaxMs, jitter);
    const pause = (): Promise<void> => this.#pauseHandlers();
    const succeeded = (): void => this.#handlerBackoff.reset();
    this.#inbox = new Inbox(
      {
        maxMessages: maxQueuedMessages,
        handle: (message) => listener.message(message),
        reportGap: (min, max) => listener.gap(min, max),
        acknowledge: (sequence) => this.#post((identity) => packets.sequenceAck(identity, nextId(), sequence)),
        pull: () => this.#post((identity) => packets.pull(identity, nextId())),
        pause,
        succeeded,
      },
      device.seen,
    );
    this.#groupInbox = new GroupInbox(
      {
        maxMessages: maxQueuedMessages,
        handle: (message) => listener.groupMessage(message),
        acknowledge: (groupId, sequence) =>
          this.#post((identity) => packets.groupAck(identity, nextId(), groupId, sequence)),
        pause,
        succeeded,
      },
      device.groups,
    );
  }

  /** Where it stands. */
  get status(): Status {
    return this.#status;
  }

  /** Why it is over, undefined while it is not. */
  get end(): MIMCError | undefined {
    return this.#end;
  }

  /** Whether there is an open connection, bound or not. */
  get isConnected(): boolean {
    return this.#newest !== undefined && !this.#newest.isOver;
  }

  /** Fulfilled when the user is online for the first time; rejected when that will not happen. */
  get online(): Promise<void> {
    return this.#online.promise;
  }

  /** Begin to log in. */
  start(): void {
    this.#setStatus("connecting", "login");
    void this.#keepOnline();
  }

  /**
   * Send something now, or as soon as there is a connection; again on every new one, until the answer.
   *
   * @throws MIMCError: the session is over; or see `Outbox.add`.
   */
  send(packetId: string, make: Make, expects: Answer["type"]): Promise<Answer> {
    if (this.#end) throw this.#end;
    const answer = this.#outbox.add(packetId, make, expects);
    this.#post(make, "two-way");
    return answer;
  }

  /** Give up on an answer, and do not send what it answers again. */
  drop(packetId: string): void {
    this.#outbox.drop(packetId);
    this.#onlineReceipts.drop(packetId);
  }

  /**
   * Send an online message on the connection there is.
   *
   * @throws ConnectionLost: there is none now; the message was not sent and will not be.
   */
  sendOnline(make: Make): void {
    if (this.#end) throw this.#end;
    if (this.#link === undefined) throw new ConnectionLost("not connected now; the online message was not sent");
    this.#post(make);
  }

  /** Wait, for ever if need be, for a receipt of an online message. Call it before sending. */
  expectOnlineReceipt(packetId: string): Promise<OnlineAck> {
    if (this.#end) throw this.#end;
    return this.#onlineReceipts.expect(packetId);
  }

  /** Ask the server for what is not acknowledged. */
  pull(packetId: string): void {
    if (this.#end) throw this.#end;
    this.#post((identity) => packets.pull(identity, packetId));
  }

  /** Cut the connection and stay away until `resume`. What is sent meanwhile waits. */
  suspend(): void {
    if (this.#end || this.#isSuspended) return;
    this.#isSuspended = true;
    this.#pause.end();
    this.#newest?.close();
    this.#setStatus("suspended", "suspended");
  }

  /** Undo `suspend`. */
  resume(): void {
    if (!this.#isSuspended) return;
    this.#isSuspended = false;
    if (this.#end) return;
    this.#setStatus("connecting", "resumed");
    this.hurry();
  }

  /** Do not wait with the next try, and find out now whether the connection there is lives. */
  hurry(): void {
    this.#pause.end();
    this.#link?.check();
  }

  /** Log out: tell the server if there is a connection, await its word, end the session. */
  async leave(): Promise<void> {
    if (this.#end === undefined && this.#link !== undefined) {
      this.#isLeaving = true;
      this.#post((identity) => packets.unbind(identity, nextId()), "two-way");
      await withTimeout(this.#over.promise, this.#settings.logoutTimeoutMs, () => new Error()).catch(() => undefined);
    }
    this.close(new NotLoggedIn("logged out"));
  }

  /** End the session without a word to the server. Only the first reason counts. */
  close(end: MIMCError): void {
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
    this.#link = undefined;
    this.#setStatus("offline", end.message);
    this.#over.resolve();
  }

  // ---------------------------------------------------------------- staying online

  async #keepOnline(): Promise<void> {
    while (this.#end === undefined) {
      if (this.#isSuspended) {
        await this.#pause.wait();
        continue;
      }
      let failure: MIMCError;
      try {
        failure = await this.#oneConnection();
      } catch (error) {
        failure = error instanceof MIMCError ? error : new MIMCError("internal error", { cause: error });
        if (failure !== error) console.error(error);
      }
      if (this.#end !== undefined) return;
      const isFinal = this.#isFinal(failure);
      if (this.#isLeaving) return this.close(new NotLoggedIn("logged out"));
      if (failure instanceof LoginRefused || failure instanceof TokenUnavailable || (isFinal && failure instanceof Kicked)) {
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
  #isFinal(failure: MIMCError): boolean {
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
  async #oneConnection(): Promise<MIMCError> {
    const { tokens, appId, account, resource, websocketUrl } = this.#device;
    const credentials = await tokens.get(this.#settings.tokenTimeoutMs);
    if (this.#end || this.#isSuspended) return new ConnectionLost("not wanted any more");
    const link = await Link.open(websocketUrl, this.#options, this.#settings);
    this.#newest = link;
    let kicked: Kicked | undefined;
    let onlineSinceMs = Infinity;
    try {
      if (this.#end || this.#isSuspended) return new ConnectionLost("not wanted any more");
      await link.bind({ appId, account, resource, ...credentials }, this.#options.sso === true);
      onlineSinceMs = Date.now();
      this.#bound(link);
      // A listener that the app registers right after the login is to see the first message.
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
      this.#link = undefined;
      clearTimeout(this.#groupTimer);
      link.close();
      if (Date.now() - onlineSinceMs >= this.#settings.stableAfterMs) this.#backoff.reset();
      // Whoever closes a session knows; a handler that logs in again would undo it.
      if (this.#end === undefined) this.#listener.disconnected();
    }
    throw new Error("a link ends by a rejection only");
  }

  #bound(link: Link): void {
    this.#wasOnline = true;
    this.#device.tokens.isFresh = false;
    this.#inbox.reconnected();
    // Without a break in between: what is sent from now on queues up behind what is sent again.
    for (const make of this.#outbox.unanswered) link.post(make, "two-way");
    this.#link = link;
    this.#knowsGroups = false;
    void this.#pingGroups();
    this.#setStatus("online", "");
    this.#listener.loginAnswered(undefined);
    this.#online.resolve();
  }

  #handle(event: ServerEvent): void {
    switch (event.type) {
      case "ack":
        this.#outbox.settle(event);
        return this.#listener.ack(event);
      case "list": {
        const { uuid, resource } = event;
        // A list for another device is no list: see "too many offline messages" of the reference, 6.6.
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

  #post(make: (identity: Identity) => Packet, ways: "one-way" | "two-way" = "one-way"): void {
    this.#link?.post(make, ways);
  }

  #takeOnline(event: packets.DeliveredOnline): void {
    this.#onlineMessages = this.#onlineMessages.then(async () => {
      if (this.#end || !(await this.#listener.onlineMessage(event.message))) return;
      this.#post((identity) => packets.onlineAck(identity, nextId(), event));
    });
  }

  /** Tell the server of all known groups, and do so again after the interval. */
  async #pingGroups(): Promise<void> {
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
    if (link === undefined || link !== this.#link) return;
    const { ids } = this.#device.groups;
    for (let start = 0; start < ids.length; start += GROUPS_PER_PING) {
      const some = ids.slice(start, start + GROUPS_PER_PING);
      this.#post((identity) => packets.groupPing(identity, nextId(), some), "two-way");
    }
    this.#groupTimer = setTimeout(() => void this.#pingGroups(), this.#settings.groupPingIntervalMs);
  }

  async #pauseHandlers(): Promise<void> {
    const delayMs = this.#settings.handlerRetryMs + this.#handlerBackoff.nextDelayMs();
    await withTimeout(this.#over.promise, delayMs, () => new Error()).catch(() => undefined);
  }

  #setStatus(status: Status, reason: string): void {
    if (this.#status === status && status === "connecting") return;
    this.#status = status;
    this.#listener.status(status, reason);
  }
}
