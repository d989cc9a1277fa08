// One user on one device, as the page needs them: the SDK's user, in the words of the three conversations.

import { MIMCUser } from "../sdk/mimc.js";

/** Who watches a server come back does not want to wait long. */
const SETTINGS = { backoffInitialMs: 300, backoffMaxMs: 2000 };

/** However long the line is down, a message waits for it. */
const FOR_EVER = { timeoutMs: 0 };

export class Person {
  #user;
  #isStopped = false;

  /**
   * @param who "one" or "two"
   * @param hears `{onStatus(status, reason), onMessage({mode, from, groupId, payload, timestampMs}), onEnd(reason), onPacket(...)}`
   */
  constructor(who, app, account, device, hears) {
    this.#user = new MIMCUser(app.appId, account, device, {
      settings: SETTINGS,
      onPacket: (direction, command, summary) => hears.onPacket(direction, command, summary),
    });
    this.#user.registerFetchToken(() => app.fetchToken(who, account));
    this.#user.on("status", ({ status, reason }) => {
      if (this.#isStopped) return;
      hears.onStatus(status, reason);
      if (status === "offline") hears.onEnd(reason);
    });
    for (const [event, mode] of [
      ["message", "p2p"],
      ["onlineMessage", "p2p"],
      ["topicMessage", "topic"],
      ["unlimitedMessage", "unlimited"],
    ]) {
      this.#user.on(event, ({ fromAccount, topicId = null, text, timestampMs }) => {
        if (!this.#isStopped) hears.onMessage({ mode, from: fromAccount, groupId: topicId, payload: text, timestampMs });
      });
    }
  }

  /** "offline", "connecting", "online", or "suspended" while the line is cut. */
  get status() {
    return this.#user.status;
  }

  start() {
    // Why it fails, `onEnd` tells.
    this.#user.login().catch(() => {});
  }

  stop() {
    this.#isStopped = true;
    this.#user.logout();
  }

  cut() {
    this.#user.suspend();
  }

  mend() {
    this.#user.resume();
  }

  /** Resolves with a token, as soon as the user has been logged in. */
  async token() {
    if (!this.#user.getToken()) await this.#user.login();
    return this.#user.getToken();
  }

  /** Send to an account or a group; resolves with `{sequence}` when the server has stored it. */
  send(mode, goal, payload) {
    if (mode === "p2p") return this.#user.send(goal, payload, FOR_EVER);
    if (mode === "topic") return this.#user.sendToTopic(goal, payload, FOR_EVER);
    return this.#user.sendToUnlimitedGroup(goal, payload, FOR_EVER);
  }

  /** Send to whoever is there just now; throws if this user is not. */
  sendOnline(account, payload) {
    this.#user.sendOnline(account, payload);
  }

  /** Join an unlimited group. */
  async join(groupId) {
    await this.token();
    await this.#user.joinGroup(groupId);
  }

  /** How many are online in an unlimited group. */
  countOnline(groupId) {
    return this.#user.countOnline(groupId);
  }
}
