// The two groups of the page: one with a list of members, one without a limit. Each is made when it is first
// looked at, and found again after a reload.

import { say } from "./texts.js";

export class Groups {
  #app;
  #owner;
  #member;
  #ids = new Map();
  #preparing = new Map();

  constructor(app, owner, member) {
    this.#app = app;
    this.#owner = owner;
    this.#member = member;
    for (const mode of ["topic", "unlimited"]) this.#ids.set(mode, localStorage.getItem(this.#key(mode)));
  }

  /** The group's id as digits; null while there is none. */
  idOf(mode) {
    return this.#ids.get(mode) ?? null;
  }

  /** Make sure that the group is there and both are in it. Returns a sentence about it, or about what failed. */
  async prepare(mode) {
    if (!this.#preparing.has(mode)) this.#preparing.set(mode, mode === "topic" ? this.#topic() : this.#unlimited());
    try {
      const id = await this.#preparing.get(mode);
      this.#ids.set(mode, id);
      localStorage.setItem(this.#key(mode), id);
      const [owner, member] = [this.#owner.account, this.#member.account];
      return say(mode === "topic" ? "groupMade" : "unlimitedMade", { id, owner, member });
    } catch (error) {
      this.#preparing.delete(mode);
      return say("groupFailed", { reason: error.message });
    }
  }

  async #topic() {
    const token = await this.#owner.token();
    const known = this.idOf("topic");
    if (known && (await this.#app.hasTopic(this.#owner.id, token, known))) return known;
    const name = `${this.#owner.account} & ${this.#member.account}`;
    return this.#app.createTopic(this.#owner.id, token, name, [this.#member.account]);
  }

  async #unlimited() {
    const known = this.idOf("unlimited");
    if (known && (await this.#join(known).then(() => true, () => false))) return known;
    const token = await this.#owner.token();
    const name = `${this.#owner.account} & ${this.#member.account}`;
    const id = await this.#app.createUnlimitedGroup(this.#owner.id, token, name);
    await this.#join(id);
    return id;
  }

  #join(id) {
    return Promise.all([this.#owner.join(id), this.#member.join(id)]);
  }

  #key(mode) {
    return `openmimc-demo:${mode}:${this.#app.appId}:${this.#owner.account}:${this.#member.account}`;
  }
}
