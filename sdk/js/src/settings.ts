/**
 * Where the server is and what can be tuned.
 *
 * @module
 */

import { MIMCError } from "./errors.js";
import type { PacketTap } from "./tap.js";

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

export const DEFAULTS: Settings = {
  tokenTimeoutMs: 10_000,
  connectTimeoutMs: 10_000,
  bindTimeoutMs: 10_000,
  pingIntervalMs: 60_000,
  groupPingIntervalMs: 10_000,
  deadAfterMs: 10_000,
  backoffInitialMs: 1_000,
  backoffMaxMs: 30_000,
  stableAfterMs: 10_000,
  handlerRetryMs: 1_000,
  sendTimeoutMs: 30_000,
  onlineReceiptTimeoutMs: 10_000,
  logoutTimeoutMs: 5_000,
  maxUnacknowledged: 1_000,
  maxQueuedMessages: 1_000,
  rememberedSequences: 10_000,
  jitter: Math.random,
};

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

/** Both addresses, known. */
export interface ServerAddress {
  readonly websocketUrl: string;
  readonly apiUrl: string;
}

/** Where the script came from, which is told by whoever loads it; see `useScript`. */
let scriptEndpoints: Endpoints = {};

/**
 * Note how this code was loaded: its address, and what its script tag says of the server.
 *
 * @param url The script's own address.
 * @param data The script tag's `data-` attributes, `websocketUrl` and `apiUrl`.
 */
export function useScript(url: string, data: Endpoints = {}): void {
  scriptEndpoints = data.websocketUrl || data.apiUrl ? data : originOf(url);
}

function originOf(url: string): Endpoints {
  return /^https?:/.test(url) ? { apiUrl: new URL(url).origin } : {};
}

/**
 * Complete the addresses.
 *
 * @throws MIMCError: none is given, and nothing tells of one.
 */
export function resolveEndpoints(given: Endpoints = {}): ServerAddress {
  const page = typeof location === "undefined" ? {} : originOf(location.href);
  const known = [given, scriptEndpoints, page].find(({ websocketUrl, apiUrl }) => websocketUrl || apiUrl);
  if (known === undefined) throw new MIMCError("endpoints.websocketUrl is needed outside of http pages");
  const api = known.apiUrl || known.websocketUrl!.replace(/^ws/, "http");
  return {
    websocketUrl: known.websocketUrl || `${api.replace(/^http/, "ws").replace(/\/+$/, "")}/`,
    apiUrl: (known.apiUrl || new URL(api).origin).replace(/\/+$/, ""),
  };
}
