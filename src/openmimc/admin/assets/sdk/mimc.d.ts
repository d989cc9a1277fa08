// The JavaScript SDK of OpenMIMC. Licensed under Apache-2.0. Built from sdk/js; do not edit.

/**
 * What the SDK throws, and what its promises are rejected with. No text holds a token, a key or a payload.
 *
 *     MIMCError
 *     ├── NotLoggedIn         login() was not called, or the user was logged out since
 *     ├── ConnectionLost      the server cannot be reached, went silent or broke off
 *     ├── LoginRefused        the server refused the login; `reason` says why
 *     ├── TokenUnavailable    the token fetcher failed or gave something that is no token answer
 *     │   └── TokenRefused    the token service answered a code other than 200
 *     ├── Kicked              the server ended the session; `reason` says why
 *     ├── Refused             the server refuses a message or request; `code` says why
 *     └── TimedOut            no answer in time: the outcome is unknown
 *
 * @module
 */
/** Any error that the SDK makes on purpose. */
export declare class MIMCError extends Error {
	readonly name: string;
}
/** There is no session: `login()` was not called, or the user was logged out since. */
export declare class NotLoggedIn extends MIMCError {
	readonly name = "NotLoggedIn";
}
/** The server cannot be reached, went silent or broke off. The SDK connects again by itself. */
export declare class ConnectionLost extends MIMCError {
	readonly name = "ConnectionLost";
}
declare abstract class ServerSaysNo extends MIMCError {
	/** First word of the server, such as `auto` or `cancel`. */
	readonly errorType: string;
	/** Stable word for programs, such as `invalid-token`. */
	readonly reason: string;
	/** Sentence for people, possibly empty. */
	readonly description: string;
	constructor(errorType: string, reason: string, description: string);
	/** Whether a new token may help. */
	get needsToken(): boolean;
}
/** The server refused the login. */
export declare class LoginRefused extends ServerSaysNo {
	readonly name = "LoginRefused";
	/** Whether trying again later, with the same token, may help. */
	get isTemporary(): boolean;
}
/** The server ended the session. */
export declare class Kicked extends ServerSaysNo {
	readonly name = "Kicked";
	/** Whether coming back would only kick the other device in turn. */
	get isFinal(): boolean;
}
/** The token fetcher failed, or what it gave is no token answer for this user. */
export declare class TokenUnavailable extends MIMCError {
	readonly name: string;
}
/** The token service answered a code other than 200. */
export declare class TokenRefused extends TokenUnavailable {
	readonly code: number;
	readonly text: string;
	readonly name = "TokenRefused";
	constructor(code: number, text: string);
	/** Whether asking again later may help. */
	get isTemporary(): boolean;
}
/** The server refuses a message or a request; nothing was stored or changed. */
export declare class Refused extends MIMCError {
	/** Stable number, the same as in REST answers. */
	readonly code: number;
	readonly text: string;
	/** The message's, "" for a REST call. */
	readonly packetId: string;
	readonly name = "Refused";
	constructor(
	/** Stable number, the same as in REST answers. */
	code: number, text: string, 
	/** The message's, "" for a REST call. */
	packetId?: string);
	/** Whether the same may succeed later. */
	get isTemporary(): boolean;
}
/**
 * No answer came in time: it may have been done, or not.
 *
 * Sending a message again with the same packet id within 24 hours is safe: the server stores it once.
 */
export declare class TimedOut extends MIMCError {
	readonly packetId: string;
	readonly name = "TimedOut";
	constructor(what: string, packetId?: string);
}
/**
 * What an app gets: messages, receipts, the status. The methods are those of the original WebJS SDK.
 *
 * @module
 */
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
interface ReceivedFields {
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
declare abstract class Received {
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
	constructor(fields: ReceivedFields);
	/** The content as text. Bytes that are no UTF-8 become U+FFFD. */
	get text(): string;
	getPacketId(): string;
	getSequence(): string;
	getFromAccount(): string;
	getFromResource(): string;
	/** The content as text; for bytes see `payload`. */
	getPayload(): string;
	/** UTC epoch milliseconds, as decimal digits. */
	getTimeStamp(): string;
	getBizType(): string;
}
/** A one-to-one message, stored or online. */
export declare class MIMCMessage extends Received {
	readonly toAccount: string;
	/** The one device an online message is for; "" otherwise. */
	readonly toResource: string;
	constructor(fields: ReceivedFields, toAccount: string, toResource: string);
	getToAccount(): string;
	getToResource(): string;
}
/** A message to a topic or to an unlimited group. */
export declare class MIMCGroupMessage extends Received {
	/** The topic or the unlimited group; decimal digits. */
	readonly topicId: string;
	constructor(fields: ReceivedFields, topicId: string);
	getTopicId(): string;
}
/** `out`: from this client to the server. */
export type Direction = "out" | "in";
/** A value that `JSON.stringify` takes. */
export type Described = string | number | boolean | readonly Described[] | {
	readonly [name: string]: Described;
};
/** What one packet says. */
export interface PacketSummary {
	/** What a SECMSG carries: `P2P_MESSAGE`, `PACKET_ACK`, `UC_PACKET JOIN`, ...; "" for other commands. */
	readonly kind: string;
	/** Size of the whole packet as it travels. */
	readonly bytes: number;
	/** The header's fields, by their names on the wire; 64-bit numbers as decimal digits. */
	readonly header: {
		readonly [name: string]: Described;
	};
	/**
	 * The payload's fields likewise, nested packets included. Secrets are "(hidden)", bytes that are text are that
	 * text, other bytes `{bytes: <how many>}`.
	 */
	readonly body: {
		readonly [name: string]: Described;
	};
}
/** Told of each packet that passes. What it throws is logged and otherwise ignored. */
export type PacketTap = (direction: Direction, command: string, summary: PacketSummary) => void;
/** The server's addresses. One follows from the other if only one is given. */
export interface Endpoints {
	/** `ws://` or `wss://` */
	readonly websocketUrl?: string | undefined;
	/** `http://` or `https://`, without `/api`. */
	readonly apiUrl?: string | undefined;
}
/** Times and bounds of one user, with defaults that suit a page. Times in milliseconds. */
export interface Settings {
	/** For the token fetcher. */
	readonly tokenTimeoutMs: number;
	/** For the WebSocket to open and the server to greet. */
	readonly connectTimeoutMs: number;
	/** For the answer to a login; refusals come about 2 s late on purpose. */
	readonly bindTimeoutMs: number;
	/** A ping goes out when nothing that needs an answer was sent for so long. */
	readonly pingIntervalMs: number;
	/** While in unlimited groups, the server is told of them so often. */
	readonly groupPingIntervalMs: number;
	/** Silence after a packet that needs an answer, until the connection is given up. */
	readonly deadAfterMs: number;
	/** Bound of the first delay before connecting again; it doubles up to `backoffMaxMs`. */
	readonly backoffInitialMs: number;
	readonly backoffMaxMs: number;
	/** A session that lasted so long sets the backoff back to its beginning. */
	readonly stableAfterMs: number;
	/** Least pause before a message whose listener failed is asked for again. */
	readonly handlerRetryMs: number;
	/** How long `send` and the like wait for the server's answer, all reconnects included; 0 for ever. */
	readonly sendTimeoutMs: number;
	/** How long `sendOnlineAndWait` waits for a receipt. */
	readonly onlineReceiptTimeoutMs: number;
	/** How long the server's answer to a logout is awaited; it only confirms. */
	readonly logoutTimeoutMs: number;
	/** Most messages that are sent and not yet acknowledged, those of the offline queue included. */
	readonly maxUnacknowledged: number;
	/** Most received messages that wait for listeners; further lists are asked for again later. */
	readonly maxQueuedMessages: number;
	/** How many received messages are remembered, to recognise repeats; at least twice `maxQueuedMessages`. */
	readonly rememberedSequences: number;
	/** Source of numbers in [0, 1) for the backoff. */
	readonly jitter: () => number;
}
/** The part of a `WebSocket` that is used; the one of the package `ws` has it as well. */
export interface WebSocketLike {
	binaryType: string;
	onopen: ((event: any) => void) | null;
	onclose: ((event: any) => void) | null;
	onerror: ((event: any) => void) | null;
	onmessage: ((event: any) => void) | null;
	send(data: Uint8Array): void;
	close(): void;
}
/** What can be given besides who logs in. */
export interface Options {
	/** Where the server is. By default where this script came from, or else the page. */
	readonly endpoints?: Endpoints | undefined;
	/** True: a login ends every other connection of the same user and resource. */
	readonly sso?: boolean | undefined;
	/** False: a lost connection is not opened again until `login()` is called. */
	readonly reconnect?: boolean | undefined;
	/** The class to connect with, for where there is no global `WebSocket`. */
	readonly WebSocket?: (new (url: string) => WebSocketLike) | undefined;
	/** Told of each packet that passes, decoded and without secrets. */
	readonly onPacket?: PacketTap | undefined;
	/** What differs from the defaults. */
	readonly settings?: Partial<Settings> | undefined;
}
/**
 * Tokens: asking the app's fetcher, reading the token service's answer, keeping it while it is good.
 *
 * The fetcher gives the answer of `POST /api/account/token` unchanged:
 * `{"code": 200, "message": "success", "data": {"appId", "appPackage", "appAccount", "miChid", "miUserId",
 * "miUserSecurityKey", "token", ...}}`. Source: protocol reference, 2.1.
 *
 * @module
 */
/** The token service's answer, parsed or as text. */
export type TokenAnswer = string | object;
/** Gives a fresh token answer, at once or by a promise. */
export type TokenFetcher = () => TokenAnswer | Promise<TokenAnswer>;
/** Most bytes of a message's content. */
export declare const MAX_PAYLOAD_BYTES = 65536;
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
	status: {
		readonly status: Status;
		readonly reason: string;
	};
	/** A one-to-one message. */
	message: MIMCMessage;
	/** A message of a topic. */
	topicMessage: MIMCGroupMessage;
	/** A message of an unlimited group. */
	unlimitedMessage: MIMCGroupMessage;
	/** An online message; its sender gets a receipt when the listeners have run. */
	onlineMessage: MIMCMessage;
	/** The server has stored or refused a message of this user; `code` 0 for stored. */
	ack: {
		readonly packetId: string;
		readonly sequence: string;
		readonly timestampMs: number;
		readonly code: number;
		readonly text: string;
	};
	/** An unlimited group is no more. */
	dismissed: {
		readonly groupId: string;
	};
}
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
export declare class MIMCUser {
	#private;
	/**
	 * @param appId The app's id, as decimal digits.
	 * @param appAccount The app's own name of the user, 1 to 256 bytes.
	 * @param resource Name of this device, 1 to 128 bytes. The server keeps a place in the inbox for each. By
	 *   default one that this browser keeps for this user; elsewhere a random one per object.
	 * @param options Where the server is, and the rest.
	 * @throws MIMCError: an address or a name cannot be used.
	 */
	constructor(appId: string | number | bigint, appAccount: string, resource?: string | null, options?: Options);
	/** Set what is called with each one-to-one message (`MIMCMessage`). */
	registerP2PMsgHandler(handler: OldHandlers["p2p"]): void;
	/** Set what is called with each message of a topic (`MIMCGroupMessage`). */
	registerGroupMsgHandler(handler: OldHandlers["group"]): void;
	/** Set what is called when the server has answered a message: stored, or refused with a text. */
	registerServerAckHandler(handler: OldHandlers["serverAck"]): void;
	/** Set what gives the token service's answer, as an object or as text, at once or by a promise. */
	registerFetchToken(fetcher: TokenFetcher): void;
	/** Set what is called with each answer to a login, those after a reconnect included. */
	registerStatusChange(handler: StatusChange | undefined): void;
	/** Set what is called whenever a connection has ended. The SDK connects again by itself. */
	registerDisconnHandler(handler: OldHandlers["disconnected"]): void;
	/** Set what is called with the answer to a join. */
	registerUCJoinRespHandler(handler: GroupAnswerHandler | undefined): void;
	/** Set what is called with the answer to a quit. */
	registerUCQuitRespHandler(handler: GroupAnswerHandler | undefined): void;
	/** Set what is called with each message of an unlimited group. */
	registerUCMsgHandler(handler: OldHandlers["unlimited"]): void;
	/** Set what is called with the id of an unlimited group that is no more. */
	registerUCDismissHandler(handler: OldHandlers["dismissed"]): void;
	/**
	 * Set what is called with the first and last sequence of messages that the server does not send because they
	 * are too many. They are in its history. Afterwards they count as received, unless the handler returns false,
	 * or a promise of it: then the server tells of them again after the next login, and nothing behind them comes
	 * before that.
	 */
	registerPullNotificationHandler(handler: OldHandlers["pullNotification"]): void;
	/**
	 * Register a listener; any number per event.
	 *
	 * If a listener of messages throws or its promise is rejected, the message comes again after a pause, and those
	 * behind it wait. (A message whose `register...Handler` throws counts as received, as with the original SDK.)
	 *
	 * @returns Takes the listener away again.
	 */
	on<E extends keyof Events>(event: E, listener: (event: Events[E]) => unknown): () => void;
	/** Take a listener away. */
	off<E extends keyof Events>(event: E, listener: (event: Events[E]) => unknown): void;
	get appId(): string;
	/** The name of this device. */
	get resource(): string;
	/** Where the user stands. */
	get status(): Status;
	/** The token, for REST calls in the header `token`; "" before the first login. */
	getToken(): string;
	/** The server's number of this user, decimal digits; "" before the first login. */
	getUuid(): string;
	getAppAccount(): string;
	/** Whether there is a connection to the server. */
	isConnected(): boolean;
	/** Whether the user is logged in, and connected. */
	isLogin(): boolean;
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
	login(): Promise<void>;
	/**
	 * Log out and stay offline. Sends that have no receipt yet are rejected with `NotLoggedIn`.
	 *
	 * What was received and not handled is sent again after the next login of this resource. The promise is
	 * fulfilled when the server knows, or cannot be told.
	 */
	logout(): Promise<void>;
	/** Break off: as `logout`, but the server is not told. */
	close(): void;
	/** Cut the connection and stay away until `resume` or `login`. What is sent meanwhile waits. */
	suspend(): void;
	/** Connect again after `suspend`. */
	resume(): void;
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
	sendMessage(toUser: string, message: Payload, bizType?: string, isStore?: boolean): string;
	/** Send a message to a topic that this user is a member of; otherwise as `sendMessage`. */
	sendGroupMessage(topicId: string, message: Payload, bizType?: string, isStore?: boolean): string;
	/** Send a message to an unlimited group; otherwise as `sendMessage`. It does not come back to this device. */
	sendUnlimitedGroupMessage(topicId: string, message: Payload, bizType?: string, isStore?: boolean): string;
	/**
	 * Send a one-to-one message; the promise is fulfilled when the server has stored it.
	 *
	 * Messages are stored in the order of the calls. While there is no connection the message waits for one.
	 *
	 * @throws Refused: by promise: it will not be stored; `code` says why.
	 * @throws TimedOut: by promise: the outcome is unknown.
	 * @throws NotLoggedIn: by promise: there is no session, or it ends before the receipt.
	 */
	send(toAccount: string, payload: Payload, options?: SendOptions): Promise<Receipt>;
	/** Send a message to a topic that this user is a member of; otherwise as `send`. */
	sendToTopic(topicId: string, payload: Payload, options?: SendOptions): Promise<Receipt>;
	/** Send a message to an unlimited group that this user is a member of; otherwise as `send`. */
	sendToUnlimitedGroup(groupId: string, payload: Payload, options?: SendOptions): Promise<Receipt>;
	/**
	 * Send a message to the devices of an account that are there now, and do not wait for anything.
	 *
	 * It is stored nowhere, and is lost if nobody is there: good for "is typing".
	 *
	 * @returns The packet id.
	 * @throws ConnectionLost: there is no connection now; it will not be sent.
	 * @throws NotLoggedIn: there is no session.
	 */
	sendOnline(toAccount: string, payload: Payload, options?: OnlineOptions): string;
	/**
	 * Send an online message, and wait until a device has it.
	 *
	 * @throws TimedOut: by promise: no receipt; most likely nobody is there.
	 * @throws Refused: by promise: the server refused it.
	 * @throws ConnectionLost: by promise: there is no connection now; it will not be sent.
	 */
	sendOnlineAndWait(toAccount: string, payload: Payload, options?: OnlineOptions): Promise<OnlineReceipt>;
	/**
	 * Ask for what is not acknowledged. Not needed: the SDK asks by itself.
	 *
	 * @returns The packet id.
	 */
	pull(): string;
	/**
	 * Make an unlimited group and join it.
	 *
	 * @param callback Called as `callback(topicId, topicName, isSuccess, errorMessage, context)`.
	 */
	createUnlimitedGroup(topicName: string, callback?: (topicId: string | 0, topicName: string, isSuccess: boolean, message: string, context: unknown) => unknown, context?: unknown): void;
	/**
	 * End an unlimited group of this user.
	 *
	 * @param callback Called as `callback(isSuccess, topicId, context)`.
	 */
	dismissUnlimitedGroup(topicId: string, callback?: (isSuccess: boolean, topicId: string, context: unknown) => unknown, context?: unknown): void;
	/** Join an unlimited group; the answer comes to the join handler, with `context`. Returns the packet id. */
	joinUnlimitedGroup(topicId: string, context?: unknown): string;
	/** Leave an unlimited group; the answer comes to the quit handler, with `context`. Returns the packet id. */
	quitUnlimitedGroup(topicId: string, context?: unknown): string;
	/**
	 * Make an unlimited group and join it; the promise gives its id.
	 *
	 * @throws Refused: by promise: the server refuses. MIMCError: it cannot be reached.
	 */
	createGroup(topicName: string, context?: unknown): Promise<string>;
	/** End an unlimited group of this user. Fails as `createGroup`. */
	dismissGroup(groupId: string): Promise<void>;
	/** The unlimited groups that this user is in. Fails as `createGroup`. */
	listGroups(): Promise<readonly string[]>;
	/**
	 * Become a member of an unlimited group; nothing happens if this user is one.
	 *
	 * @throws Refused: by promise: there is no such group (404), or this user may not (403).
	 * @throws TimedOut: by promise: the outcome is unknown; ask again.
	 */
	joinGroup(groupId: string): Promise<void>;
	/** Leave an unlimited group; nothing happens if this user is not in it. Fails as `joinGroup`. */
	quitGroup(groupId: string): Promise<void>;
	/** Count the members of an unlimited group who are there now. Fails as `joinGroup`. */
	countOnline(groupId: string): Promise<number>;
}

export {};
