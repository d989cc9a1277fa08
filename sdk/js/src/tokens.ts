/**
 * Tokens: asking the app's fetcher, reading the token service's answer, keeping it while it is good.
 *
 * The fetcher gives the answer of `POST /api/account/token` unchanged:
 * `{"code": 200, "message": "success", "data": {"appId", "appPackage", "appAccount", "miChid", "miUserId",
 * "miUserSecurityKey", "token", ...}}`. Source: protocol reference, 2.1.
 *
 * @module
 */

import { fromBase64 } from "./bytes.js";
import { TokenRefused, TokenUnavailable } from "./errors.js";
import { withTimeout } from "./timing.js";

/** The token service's answer, parsed or as text. */
export type TokenAnswer = string | object;

/** Gives a fresh token answer, at once or by a promise. */
export type TokenFetcher = () => TokenAnswer | Promise<TokenAnswer>;

/** What a login needs. */
export interface Credentials {
  readonly appPackage: string;
  readonly uuid: string;
  readonly token: string;
  readonly securityKey: string;
}

/** One user's credentials: fetched when needed, kept until they are said to be bad. */
export class Tokens {
  #fetch: TokenFetcher | undefined;
  #credentials: Credentials | undefined;
  /** The credentials were fetched, and the server has not taken them yet. */
  isFresh = false;

  constructor(
    readonly appId: string,
    readonly account: string,
  ) {}

  /** What was fetched last, if it is still thought to be good. */
  get current(): Credentials | undefined {
    return this.#credentials;
  }

  set fetcher(fetch: TokenFetcher) {
    this.#fetch = fetch;
  }

  discard(): void {
    this.#credentials = undefined;
  }

  /**
   * Credentials, fetched if there are none.
   *
   * @throws TokenUnavailable, TokenRefused: there are none to be had now.
   */
  async get(timeoutMs: number): Promise<Credentials> {
    if (this.#credentials === undefined) {
      this.#credentials = this.#read(await this.#ask(timeoutMs));
      this.isFresh = true;
    }
    return this.#credentials;
  }

  async #ask(timeoutMs: number): Promise<unknown> {
    const fetch = this.#fetch;
    if (fetch === undefined) throw new TokenUnavailable("no token fetcher is registered");
    try {
      const late = new TokenUnavailable("the token fetcher gave nothing in time");
      const answer: unknown = await withTimeout(Promise.resolve().then(fetch), timeoutMs, () => late);
      return typeof answer === "string" ? JSON.parse(answer) : answer;
    } catch (error) {
      if (error instanceof TokenUnavailable) throw error;
      // The app's code: whatever it throws means that there is no token now. Its text may repeat the answer.
      throw new TokenUnavailable("the token fetcher failed", { cause: error });
    }
  }

  #read(answer: unknown): Credentials {
    const { code, message, data } = recordOf(answer);
    if (Number(code) !== 200) {
      if (code === undefined) throw new TokenUnavailable("no token answer");
      throw new TokenRefused(Number(code), text(message) ?? "refused without a reason");
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
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** A text, or a number that JavaScript has not rounded, as text. */
function text(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return Number.isSafeInteger(value) ? String(value) : undefined;
}

function isBase64(value: string): boolean {
  try {
    return fromBase64(value).length > 0;
  } catch {
    return false;
  }
}
