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
export class MIMCError extends Error {
  override readonly name: string = "MIMCError";
}

/** There is no session: `login()` was not called, or the user was logged out since. */
export class NotLoggedIn extends MIMCError {
  override readonly name = "NotLoggedIn";
}

/** The server cannot be reached, went silent or broke off. The SDK connects again by itself. */
export class ConnectionLost extends MIMCError {
  override readonly name = "ConnectionLost";
}

/** Reasons that a new token cures. Source: protocol reference, 5.4. */
const TOKEN_REASONS: readonly string[] = ["token-expired", "invalid-token"];
/** The reason with which a server refuses a login that it cannot decide now. */
const BUSY_REASON = "unavailable";
/** Somebody logged in with the same resource and asked to be alone. Source: protocol reference, 5.8. */
const SAME_RESOURCE_REASON = "single-resource-kick";
/** Codes that say: not now. Everything else stays refused however often it is repeated. */
const BUSY_CODES: readonly number[] = [429, 503];

abstract class ServerSaysNo extends MIMCError {
  /** First word of the server, such as `auto` or `cancel`. */
  readonly errorType: string;
  /** Stable word for programs, such as `invalid-token`. */
  readonly reason: string;
  /** Sentence for people, possibly empty. */
  readonly description: string;

  constructor(errorType: string, reason: string, description: string) {
    super([reason || errorType, description].filter(Boolean).join(": "));
    this.errorType = errorType;
    this.reason = reason || errorType;
    this.description = description;
  }

  /** Whether a new token may help. */
  get needsToken(): boolean {
    return [this.errorType, this.reason].some((word) => TOKEN_REASONS.includes(word.toLowerCase()));
  }
}

/** The server refused the login. */
export class LoginRefused extends ServerSaysNo {
  override readonly name = "LoginRefused";

  /** Whether trying again later, with the same token, may help. */
  get isTemporary(): boolean {
    return this.reason.toLowerCase() === BUSY_REASON;
  }
}

/** The server ended the session. */
export class Kicked extends ServerSaysNo {
  override readonly name = "Kicked";

  /** Whether coming back would only kick the other device in turn. */
  get isFinal(): boolean {
    return [this.errorType, this.reason].some((word) => word.toLowerCase() === SAME_RESOURCE_REASON);
  }
}

/** The token fetcher failed, or what it gave is no token answer for this user. */
export class TokenUnavailable extends MIMCError {
  override readonly name: string = "TokenUnavailable";
}

/** The token service answered a code other than 200. */
export class TokenRefused extends TokenUnavailable {
  override readonly name = "TokenRefused";

  constructor(
    readonly code: number,
    readonly text: string,
  ) {
    super(`${code} ${text}`);
  }

  /** Whether asking again later may help. */
  get isTemporary(): boolean {
    return this.code >= 500 || BUSY_CODES.includes(this.code);
  }
}

/** The server refuses a message or a request; nothing was stored or changed. */
export class Refused extends MIMCError {
  override readonly name = "Refused";

  constructor(
    /** Stable number, the same as in REST answers. */
    readonly code: number,
    readonly text: string,
    /** The message's, "" for a REST call. */
    readonly packetId = "",
  ) {
    super(`${code} ${text}`);
  }

  /** Whether the same may succeed later. */
  get isTemporary(): boolean {
    return BUSY_CODES.includes(this.code);
  }
}

/**
 * No answer came in time: it may have been done, or not.
 *
 * Sending a message again with the same packet id within 24 hours is safe: the server stores it once.
 */
export class TimedOut extends MIMCError {
  override readonly name = "TimedOut";

  constructor(
    what: string,
    readonly packetId = "",
  ) {
    super(`no answer in time: ${what}`);
  }
}
