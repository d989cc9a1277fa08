/**
 * A user of the messaging server: logs in, stays logged in, sends and receives.
 *
 * @module
 */

import { callApi } from "./api.js";
import { randomHex, utf8 } from "./bytes.js";
import { LoginRefused, MIMCError, NotLoggedIn, Refused, TimedOut, TokenRefused, TokenUnavailable } from "./errors.js";
import { KnownGroups } from "./groupInbox.js";
import { nextId } from "./link.js";
import type { MIMCGroupMessage, MIMCMessage, OnlineReceipt, Payload, Receipt, Status } from "./messages.js";
import * as packets from "./packets.js";
import type { GroupAnswer, GroupRequest, MessageChoices } from "./packets.js";
import type { Make } from "./outbox.js";
import { SeenSequences } from "./seen.js";
import { type Device, type Listener, Session } from "./session.js";
import { DEFAULTS, type Options, resolveEndpoints, type ServerAddress, type Settings } from "./settings.js";
import { withTimeout } from "./timing.js";
import { type TokenFetcher, Tokens } from "./tokens.js";

/** Most bytes of a message's content. */
export const MAX_PAYLOAD_BYTES = 65_536;

const MAX_ACCOUNT_BYTES = 256;
const MAX_RESOURCE_BYTES = 128;

/** What can be chosen about a message that is sent. */
export interface SendOptions {
  /** The app's own label, at most 1,024 bytes. */
  readonly bizType?: string | undefined;
  /** Whether the server's history keeps the message; true by default. It is delivered in either case. */
  readonly isStore?: boolean | undefined;
  /** Whether the message is numbered in its conversation. Not for unlimited groups. */
  readonly wantsIndex?: boolean | undefined;
  /** Name of the message. Give the same one again to repeat a send whose outcome is unknown. */
  readonly packetId?: string | undefined;
  /** How long to wait for the receipt, all reconnects included; 0 for ever. */
  readonly timeoutMs?: number | undefined;
}

/** What can be chosen about an online message. */
export interface OnlineOptions {
  /** The one device to send it to; by default all. */
  readonly toResource?: string | undefined;
  readonly bizType?: string | undefined;
  readonly packetId?: string | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Events by name, with what their listeners are called with. */
export interface Events {
  /** The status changed, and why. */
  status: { readonly status: Status; readonly reason: string };
  /** A one-to-one message. */
  message: MIMCMessage;
  /** A message of a topic. */
  topicMessage: MIMCGroupMessage;
  /** A message of an unlimited group. */
  unlimitedMessage: MIMCGroupMessage;
  /** An online message; its sender gets a receipt when the listeners have run. */
  onlineMessage: MIMCMessage;
  /** The server has stored or refused a message of this user; `code` 0 for stored. */
  ack: { readonly packetId: string; readonly sequence: string; readonly timestampMs: number; readonly code: number; readonly text: string };
  /** An unlimited group is no more. */
  dismissed: { readonly groupId: string };
}

type Handler<E> = (event: E) => unknown;

/** Handlers of the original WebJS SDK, by the names they are registered under. */
interface OldHandlers {
  p2p?: ((message: MIMCMessage) => unknown) | undefined;
  group?: ((message: MIMCGroupMessage) => unknown) | undefined;
  serverAck?: ((packetId: string, sequence: string, timestamp: string, errorMessage: string) => unknown) | undefined;
  statusChange?: StatusChange | undefined;
  disconnected?: (() => unknown) | undefined;
  joined?: GroupAnswerHandler | undefined;
  quit?: GroupAnswerHandler | undefined;
  unlimited?: ((message: MIMCGroupMessage) => unknown) | undefined;
  dismissed?: ((topicId: string) => unknown) | undefined;
  pullNotification?: ((minSequence: string, maxSequence: string) => unknown) | undefined;
}

/** Told of each answer to a login: true, or false with the reason. */
export type StatusChange = (isBound: boolean, type: string | null, reason: string | null, description: string | null) => unknown;

/** Told of the answer to a join or quit; code 0 for success. */
export type GroupAnswerHandler = (topicId: string, code: number, message: string, context: unknown) => unknown;

/** Users that are logged in on this page, by device. */
const loggedIn = new Map<string, MIMCUser>();

/**
 * One user on one device.
 *
 * The class, its methods and their arguments are those of the original WebJS SDK, so that a page only has to load
 * another script. `login`, `send` and the like return promises; `on` registers listeners.
 *
 * Receiving is exactly once for the life of the page, in the server's order, one message after the other: the
 * next one waits for the promises that listeners return. A message counts as received when its listeners have
 * run; what they had not come to is sent again after the next login of the same resource.
 *
 * Sending is exactly once as far as the server's memory goes: until the receipt comes, the message is sent again
 * after each reconnect under the same packet id, which the server stores once within 24 hours.
 */
export class MIMCUser {
  readonly #device: Device;
  readonly #address: ServerAddress;
  readonly #options: Options;
  readonly #settings: Settings;
  readonly #old: OldHandlers = {};
  readonly #listeners = new Map<keyof Events, Set<Handler<never>>>();
  /** What the app wants back with the answer to a join or quit. */
  readonly #contexts = new Map<string, unknown>();
  #session: Session | undefined;
  readonly #hurry = (): void => {
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
  constructor(appId: string | number | bigint, appAccount: string, resource?: string | null, options: Options = {}) {
    const id = String(appId);
    if (!/^\d+$/.test(id) || (typeof appId === "number" && !Number.isSafeInteger(appId))) {
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
    if ((options.WebSocket ?? globalThis.WebSocket) === undefined) {
      throw new MIMCError("there is no WebSocket here: give options.WebSocket");
    }
    this.#device = {
      websocketUrl: this.#address.websocketUrl,
      appId: id,
      account: appAccount,
      resource: name,
      tokens: new Tokens(id, appAccount),
      seen: new SeenSequences(this.#settings.rememberedSequences),
      groups: new KnownGroups(),
    };
  }

  // ---------------------------------------------------------------- handlers

  /** Set what is called with each one-to-one message (`MIMCMessage`). */
  registerP2PMsgHandler(handler: OldHandlers["p2p"]): void {
    this.#old.p2p = handler;
  }

  /** Set what is called with each message of a topic (`MIMCGroupMessage`). */
  registerGroupMsgHandler(handler: OldHandlers["group"]): void {
    this.#old.group = handler;
  }

  /** Set what is called when the server has answered a message: stored, or refused with a text. */
  registerServerAckHandler(handler: OldHandlers["serverAck"]): void {
    this.#old.serverAck = handler;
  }

  /** Set what gives the token service's answer, as an object or as text, at once or by a promise. */
  registerFetchToken(fetcher: TokenFetcher): void {
    this.#device.tokens.fetcher = fetcher;
  }

  /** Set what is called with each answer to a login, those after a reconnect included. */
  registerStatusChange(handler: StatusChange | undefined): void {
    this.#old.statusChange = handler;
  }

  /** Set what is called whenever a connection has ended. The SDK connects again by itself. */
  registerDisconnHandler(handler: OldHandlers["disconnected"]): void {
    this.#old.disconnected = handler;
  }

  /** Set what is called with the answer to a join. */
  registerUCJoinRespHandler(handler: GroupAnswerHandler | undefined): void {
    this.#old.joined = handler;
  }

  /** Set what is called with the answer to a quit. */
  registerUCQuitRespHandler(handler: GroupAnswerHandler | undefined): void {
    this.#old.quit = handler;
  }

  /** Set what is called with each message of an unlimited group. */
  registerUCMsgHandler(handler: OldHandlers["unlimited"]): void {
    this.#old.unlimited = handler;
  }

  /** Set what is called with the id of an unlimited group that is no more. */
  registerUCDismissHandler(handler: OldHandlers["dismissed"]): void {
    this.#old.dismissed = handler;
  }

  /**
   * Set what is called with the first and last sequence of messages that the server does not send because they
   * are too many. They are in its history. Afterwards they count as received, unless the handler returns false,
   * or a promise of it: then the server tells of them again after the next login, and nothing behind them comes
   * before that.
   */
  registerPullNotificationHandler(handler: OldHandlers["pullNotification"]): void {
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
  on<E extends keyof Events>(event: E, listener: (event: Events[E]) => unknown): () => void {
    let listeners = this.#listeners.get(event);
    if (listeners === undefined) this.#listeners.set(event, (listeners = new Set()));
    listeners.add(listener);
    return () => this.off(event, listener);
  }

  /** Take a listener away. */
  off<E extends keyof Events>(event: E, listener: (event: Events[E]) => unknown): void {
    this.#listeners.get(event)?.delete(listener);
  }

  // ---------------------------------------------------------------- state

  get appId(): string {
    return this.#device.appId;
  }

  /** The name of this device. */
  get resource(): string {
    return this.#device.resource;
  }

  /** Where the user stands. */
  get status(): Status {
    return this.#session?.status ?? "offline";
  }

  /** The token, for REST calls in the header `token`; "" before the first login. */
  getToken(): string {
    return this.#device.tokens.current?.token ?? "";
  }

  /** The server's number of this user, decimal digits; "" before the first login. */
  getUuid(): string {
    return this.#device.tokens.current?.uuid ?? "";
  }

  getAppAccount(): string {
    return this.#device.account;
  }

  /** Whether there is a connection to the server. */
  isConnected(): boolean {
    return this.#session?.isConnected ?? false;
  }

  /** Whether the user is logged in, and connected. */
  isLogin(): boolean {
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
  login(): Promise<void> {
    let session = this.#session;
    if (session === undefined || session.end !== undefined) {
      const { appId, account, resource, tokens } = this.#device;
      const key = JSON.stringify([appId, account, resource]);
      const other = loggedIn.get(key);
      if (other !== this) other?.close();
      loggedIn.set(key, this);
      // The app may have thought of something new since the last login.
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
  async logout(): Promise<void> {
    await this.#session?.leave();
  }

  /** Break off: as `logout`, but the server is not told. */
  close(): void {
    this.#session?.close(new NotLoggedIn("closed"));
  }

  /** Cut the connection and stay away until `resume` or `login`. What is sent meanwhile waits. */
  suspend(): void {
    this.#session?.suspend();
  }

  /** Connect again after `suspend`. */
  resume(): void {
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
  sendMessage(toUser: string, message: Payload, bizType?: string, isStore = true): string {
    const choices = choose(message, { bizType, isStore });
    return this.#fling(choices.packetId, (identity) => packets.p2p(identity, toUser, choices));
  }

  /** Send a message to a topic that this user is a member of; otherwise as `sendMessage`. */
  sendGroupMessage(topicId: string, message: Payload, bizType?: string, isStore = true): string {
    const [id, choices] = [idOf(topicId), choose(message, { bizType, isStore })];
    return this.#fling(choices.packetId, (identity) => packets.p2t(identity, id, choices));
  }

  /** Send a message to an unlimited group; otherwise as `sendMessage`. It does not come back to this device. */
  sendUnlimitedGroupMessage(topicId: string, message: Payload, bizType?: string, isStore = false): string {
    const [id, choices] = [idOf(topicId), choose(message, { bizType, isStore })];
    return this.#fling(choices.packetId, (identity) => packets.groupMessage(identity, id, choices));
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
  async send(toAccount: string, payload: Payload, options: SendOptions = {}): Promise<Receipt> {
    const choices = choose(payload, options);
    return this.#sendAndWait(choices, options, (identity) => packets.p2p(identity, toAccount, choices));
  }

  /** Send a message to a topic that this user is a member of; otherwise as `send`. */
  async sendToTopic(topicId: string, payload: Payload, options: SendOptions = {}): Promise<Receipt> {
    const [id, choices] = [idOf(topicId), choose(payload, options)];
    return this.#sendAndWait(choices, options, (identity) => packets.p2t(identity, id, choices));
  }

  /** Send a message to an unlimited group that this user is a member of; otherwise as `send`. */
  async sendToUnlimitedGroup(groupId: string, payload: Payload, options: SendOptions = {}): Promise<Receipt> {
    const [id, choices] = [idOf(groupId), choose(payload, options)];
    return this.#sendAndWait(choices, options, (identity) => packets.groupMessage(identity, id, choices));
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
  sendOnline(toAccount: string, payload: Payload, options: OnlineOptions = {}): string {
    const choices = choose(payload, options);
    const to = options.toResource ?? "";
    this.#wanted().sendOnline((identity) => packets.online(identity, toAccount, to, choices));
    return choices.packetId;
  }

  /**
   * Send an online message, and wait until a device has it.
   *
   * @throws TimedOut: by promise: no receipt; most likely nobody is there.
   * @throws Refused: by promise: the server refused it.
   * @throws ConnectionLost: by promise: there is no connection now; it will not be sent.
   */
  async sendOnlineAndWait(toAccount: string, payload: Payload, options: OnlineOptions = {}): Promise<OnlineReceipt> {
    const session = this.#wanted();
    const packetId = options.packetId ?? nextId();
    const receipt = session.expectOnlineReceipt(packetId);
    try {
      this.sendOnline(toAccount, payload, { ...options, packetId });
      const timeoutMs = options.timeoutMs ?? this.#settings.onlineReceiptTimeoutMs;
      const { code, text } = await withTimeout(receipt, timeoutMs, () => new TimedOut(packetId, packetId));
      if (code >= FIRST_REFUSAL) throw new Refused(code, text, packetId);
      return { packetId, code, text };
    } finally {
      session.drop(packetId);
    }
  }

  /**
   * Ask for what is not acknowledged. Not needed: the SDK asks by itself.
   *
   * @returns The packet id.
   */
  pull(): string {
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
  createUnlimitedGroup(
    topicName: string,
    callback?: (topicId: string | 0, topicName: string, isSuccess: boolean, message: string, context: unknown) => unknown,
    context?: unknown,
  ): void {
    this.#wanted();
    this.createGroup(topicName, context).then(
      (topicId) => callOld(() => callback?.(topicId, topicName, true, "", context)),
      (error: unknown) => callOld(() => callback?.(0, topicName, false, textOfError(error), context)),
    );
  }

  /**
   * End an unlimited group of this user.
   *
   * @param callback Called as `callback(isSuccess, topicId, context)`.
   */
  dismissUnlimitedGroup(
    topicId: string,
    callback?: (isSuccess: boolean, topicId: string, context: unknown) => unknown,
    context?: unknown,
  ): void {
    this.#wanted();
    this.dismissGroup(topicId).then(
      () => callOld(() => callback?.(true, topicId, context)),
      () => callOld(() => callback?.(false, topicId, context)),
    );
  }

  /** Join an unlimited group; the answer comes to the join handler, with `context`. Returns the packet id. */
  joinUnlimitedGroup(topicId: string, context?: unknown): string {
    return this.#flingRequest("JOIN", topicId, context);
  }

  /** Leave an unlimited group; the answer comes to the quit handler, with `context`. Returns the packet id. */
  quitUnlimitedGroup(topicId: string, context?: unknown): string {
    return this.#flingRequest("QUIT", topicId, context);
  }

  /**
   * Make an unlimited group and join it; the promise gives its id.
   *
   * @throws Refused: by promise: the server refuses. MIMCError: it cannot be reached.
   */
  async createGroup(topicName: string, context?: unknown): Promise<string> {
    const data = await this.#call("POST", "/api/uctopic", { body: { topicName } });
    const groupId = idOf(String((data as { topicId?: unknown }).topicId));
    this.#device.groups.add(groupId);
    this.#flingRequest("JOIN", groupId, context);
    return groupId;
  }

  /** End an unlimited group of this user. Fails as `createGroup`. */
  async dismissGroup(groupId: string): Promise<void> {
    await this.#call("DELETE", "/api/uctopic", { topicId: idOf(groupId) });
    this.#device.groups.discard(groupId);
  }

  /** The unlimited groups that this user is in. Fails as `createGroup`. */
  async listGroups(): Promise<readonly string[]> {
    const data = await this.#call("GET", "/api/uctopic/topics");
    return Array.isArray(data) ? data.map(String) : [];
  }

  /**
   * Become a member of an unlimited group; nothing happens if this user is one.
   *
   * @throws Refused: by promise: there is no such group (404), or this user may not (403).
   * @throws TimedOut: by promise: the outcome is unknown; ask again.
   */
  async joinGroup(groupId: string): Promise<void> {
    await this.#ask("JOIN", groupId);
  }

  /** Leave an unlimited group; nothing happens if this user is not in it. Fails as `joinGroup`. */
  async quitGroup(groupId: string): Promise<void> {
    await this.#ask("QUIT", groupId);
  }

  /** Count the members of an unlimited group who are there now. Fails as `joinGroup`. */
  async countOnline(groupId: string): Promise<number> {
    return (await this.#ask("QUERY_ONLINE_USERS", groupId)).online;
  }

  // ---------------------------------------------------------------- inner parts

  #wanted(): Session {
    const session = this.#session;
    if (session === undefined) throw new NotLoggedIn("user not login");
    if (session.end !== undefined) throw session.end;
    return session;
  }

  /** Send, and leave the answer to the handlers. */
  #fling(packetId: string, make: Make, expects: "ack" | "groupAnswer" = "ack"): string {
    void this.#wanted().send(packetId, make, expects);
    return packetId;
  }

  #flingRequest(request: GroupRequest, topicId: string, context: unknown): string {
    const id = idOf(topicId);
    const packetId = nextId();
    this.#fling(packetId, (identity) => packets.askGroup(identity, packetId, request, id), "groupAnswer");
    this.#contexts.set(packetId, context);
    return packetId;
  }

  async #sendAndWait(choices: MessageChoices, options: SendOptions, make: Make): Promise<Receipt> {
    const { packetId } = choices;
    const answer = await this.#await(packetId, make, "ack", options.timeoutMs);
    if (answer.type !== "ack") throw new MIMCError("a message is answered by an ack");
    const { code, sequence, timestamp, text, index } = answer;
    if (code !== 0 || sequence === "0") throw new Refused(code, text, packetId);
    return { packetId, sequence, timestampMs: Number(timestamp), index };
  }

  async #ask(request: GroupRequest, groupId: string): Promise<GroupAnswer> {
    const id = idOf(groupId);
    const packetId = nextId();
    const make: Make = (identity) => packets.askGroup(identity, packetId, request, id);
    const answer = await this.#await(packetId, make, "groupAnswer");
    if (answer.type !== "groupAnswer") throw new MIMCError("a request is answered by an answer");
    if (answer.code !== 0) throw new Refused(answer.code, answer.text, packetId);
    return answer;
  }

  async #await(packetId: string, make: Make, expects: "ack" | "groupAnswer", timeoutMs?: number): Promise<packets.Ack | GroupAnswer> {
    const session = this.#wanted();
    const answer = session.send(packetId, make, expects);
    try {
      return await withTimeout(answer, timeoutMs ?? this.#settings.sendTimeoutMs, () => new TimedOut(packetId, packetId));
    } catch (error) {
      session.drop(packetId);
      throw error;
    }
  }

  async #call(...[method, path, details]: CallOfUser): Promise<unknown> {
    this.#wanted();
    const token = this.getToken();
    if (token === "") throw new NotLoggedIn("there is no token yet");
    return callApi(this.#address.apiUrl, token, method, path, details);
  }

  #watchPage(): void {
    if (typeof window === "undefined") return;
    window.addEventListener("online", this.#hurry);
    document.addEventListener("visibilitychange", this.#hurry);
  }

  #leavePage(): void {
    if (typeof window === "undefined") return;
    window.removeEventListener("online", this.#hurry);
    document.removeEventListener("visibilitychange", this.#hurry);
  }

  #listener(): Listener {
    const old = this.#old;
    return {
      status: (status, reason) => {
        if (status === "offline") this.#ended();
        this.#emit("status", { status, reason });
      },
      loginAnswered: (failure) => callOld(() => old.statusChange?.(failure === undefined, ...inWords(failure))),
      disconnected: () => callOld(() => old.disconnected?.()),
      ack: ({ packetId, sequence, timestamp, code, text }) => {
        callOld(() => old.serverAck?.(packetId, sequence, timestamp, text));
        this.#emit("ack", { packetId, sequence, timestampMs: Number(timestamp), code, text });
      },
      message: (message) =>
        "topicId" in message
          ? this.#show("topicMessage", message, old.group)
          : this.#show("message", message, old.p2p),
      groupMessage: (message) => this.#show("unlimitedMessage", message, old.unlimited),
      onlineMessage: async (message) => {
        const isWanted = (this.#listeners.get("onlineMessage")?.size ?? 0) > 0;
        return isWanted && this.#show("onlineMessage", message, undefined);
      },
      gap: async (minSequence, maxSequence) => {
        if (old.pullNotification === undefined) {
          console.warn(`messages ${minSequence} to ${maxSequence} are in history only`);
          return true;
        }
        try {
          return (await old.pullNotification(minSequence, maxSequence)) !== false;
        } catch (error) {
          console.error("the pull notification handler failed", error);
          return false;
        }
      },
      groupAnswered: ({ request, groupId, packetId, code, text }) => {
        const handler = request === "JOIN" ? old.joined : request === "QUIT" ? old.quit : undefined;
        const context = this.#contexts.get(packetId);
        this.#contexts.delete(packetId);
        callOld(() => handler?.(groupId, code, text, context));
      },
      dismissed: (groupId) => {
        callOld(() => old.dismissed?.(groupId));
        this.#emit("dismissed", { groupId });
      },
      listGroups: () => this.listGroups(),
    };
  }

  #ended(): void {
    this.#leavePage();
    this.#contexts.clear();
    for (const [key, user] of loggedIn) if (user === this) loggedIn.delete(key);
  }

  /** Tell listeners that cannot change anything. */
  #emit<E extends keyof Events>(name: E, event: Events[E]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])] as Handler<Events[E]>[]) {
      callOld(() => listener(event));
    }
  }

  /** Show a message to everybody; false if it is to come again. */
  async #show<E extends keyof Events>(name: E, message: Events[E], handler: Handler<Events[E]> | undefined): Promise<boolean> {
    const listeners = [...(this.#listeners.get(name) ?? [])] as Handler<Events[E]>[];
    if (handler === undefined && listeners.length === 0) console.warn(`nobody listens to ${name}; it is passed over`);
    try {
      await handler?.(message);
    } catch (error) {
      console.error(`the handler of ${name} failed; it counts as received`, error);
    }
    const results = await Promise.allSettled(listeners.map(async (listener) => listener(message)));
    const failures = results.filter((result) => result.status === "rejected");
    for (const { reason } of failures) console.error(`a listener of ${name} failed; it will come again`, reason);
    return failures.length === 0;
  }
}

/** Codes from here on are the server's own; devices have small ones. */
const FIRST_REFUSAL = 400;

type CallOfUser = Parameters<typeof callApi> extends [string, string, ...infer Rest] ? Rest : never;

/** Run code of the page: its errors are its own, and are shown where it looks for them. */
function callOld(call: () => unknown): void {
  try {
    const result = call();
    if (result instanceof Promise) result.catch((error: unknown) => console.error(error));
  } catch (error) {
    console.error(error);
  }
}

/** Type, reason and description of a failed login, as the original SDK gives them. */
function inWords(failure: MIMCError | undefined): [string | null, string | null, string | null] {
  if (failure === undefined) return [null, null, null];
  if (failure instanceof TokenRefused) {
    return ["get token failed", `token info code:${failure.code}`, `token info message:${failure.text}`];
  }
  if (failure instanceof TokenUnavailable) return ["get token failed", failure.message, ""];
  const { errorType = "", reason = failure.message, description = "" } = failure as Partial<LoginRefused>;
  return [errorType, reason, description];
}

function textOfError(error: unknown): string {
  return error instanceof Refused ? error.text : String(error);
}

function checkName(what: string, name: string, maxBytes: number): void {
  const bytes = utf8(name).length;
  if (bytes < 1 || bytes > maxBytes) throw new MIMCError(`the ${what} has to have 1 to ${maxBytes} bytes`);
}

function idOf(id: string | number | bigint): string {
  const text = String(id);
  if (!/^\d+$/.test(text) || (typeof id === "number" && !Number.isSafeInteger(id))) {
    throw new MIMCError(`no group id: ${text}; ids are strings of decimal digits`);
  }
  return text;
}

function bytesOf(payload: Payload): Uint8Array {
  if (typeof payload === "string") return utf8(payload);
  // A copy: the message may be sent again after the caller has changed his array.
  return payload instanceof Uint8Array ? payload.slice() : new Uint8Array(payload.slice(0));
}

function choose(payload: Payload, options: SendOptions): MessageChoices {
  const bytes = bytesOf(payload);
  if (bytes.length > MAX_PAYLOAD_BYTES) throw new MIMCError(`a message of ${bytes.length} bytes is too long`);
  const { packetId = nextId(), bizType, isStore = true, wantsIndex } = options;
  return { packetId, payload: bytes, bizType, isStore, wantsIndex };
}

/** A name that this browser keeps for this user, so that it finds what came while the page was closed. */
function defaultResource(appId: string, account: string): string {
  const fresh = `web-${randomHex(8)}`;
  try {
    const key = `mimc-resource ${appId} ${account}`;
    const kept = localStorage.getItem(key);
    if (kept) return kept;
    localStorage.setItem(key, fresh);
  } catch {
    // No storage here, or none allowed: the name lasts as long as this object.
  }
  return fresh;
}
