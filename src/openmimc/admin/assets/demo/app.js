// The app that the two users belong to: where their tokens come from, and its groups.

const JSON_HEADERS = { "Content-Type": "application/json" };
const SECRETS = new Set(["appSecret", "token", "miUserSecurityKey"]);

/** The server refused a request. */
export class RequestFailed extends Error {}

/**
 * An app whose users the page may be.
 *
 * @param appId its id, as digits
 * @param keys `{appId, appKey, appSecret}` of an app of the reader's; none for the demo app
 * @param tap told of each request and answer: `tap(who, direction, "HTTP", {kind, bytes, header, body})`
 */
export class App {
  constructor(appId, keys, tap) {
    this.appId = appId;
    this.keys = keys;
    this.tap = tap;
  }

  /** The token service's answer for a user, as the SDK wants it. */
  fetchToken(who, appAccount) {
    return this.keys
      ? this.#request(who, "POST", "/api/account/token", { ...this.keys, appAccount })
      : this.#request(who, "POST", "/demo/token", { account: appAccount });
  }

  /** Make a group; returns its id. */
  async createTopic(who, token, topicName, accounts) {
    const answer = await this.#call(who, token, "POST", `/api/topic/${this.appId}`, {
      topicName,
      accounts: accounts.join(","),
    });
    return answer.topicInfo.topicId;
  }

  /** Whether a group still exists and the token's user is a member. */
  async hasTopic(who, token, topicId) {
    return (await this.#request(who, "GET", `/api/topic/${this.appId}/${topicId}`, undefined, { token })).code === 200;
  }

  /** Make an unlimited group; returns its id. */
  async createUnlimitedGroup(who, token, topicName) {
    return (await this.#call(who, token, "POST", "/api/uctopic", { topicName })).topicId;
  }

  async #call(who, token, method, path, body) {
    const answer = await this.#request(who, method, path, body, { token });
    if (answer.code !== 200) throw new RequestFailed(`${answer.code} ${answer.message}`);
    return answer.data;
  }

  async #request(who, method, path, body, headers = {}) {
    this.#show(who, "out", { request: `${method} ${path}`, headers, body });
    const response = await fetch(path, {
      method,
      headers: body ? { ...JSON_HEADERS, ...headers } : headers,
      ...(body && { body: JSON.stringify(body) }),
      credentials: "omit",
    });
    const answer = await response.json();
    this.#show(who, "in", { status: `${method} ${path}`, code: String(answer.code), answer });
    return answer;
  }

  #show(who, direction, body) {
    const shown = JSON.parse(JSON.stringify(body, (name, value) => (SECRETS.has(name) ? "(hidden)" : value)));
    this.tap(who, direction, "HTTP", { kind: "", bytes: 0, header: {}, body: shown });
  }
}
