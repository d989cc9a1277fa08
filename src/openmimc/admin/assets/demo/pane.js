// One person's side of the page: what they see, what they write, their line to the server.
//
// Messages follow the manual's formats. A message is known by its msgId: recalls and read marks name it.

import * as formats from "./formats.js";
import { Person } from "./person.js";
import { clock, say } from "./texts.js";

/** How long an answer to "is somebody there?" is awaited. */
const PONG_WAIT_MS = 3000;

/** What stands below a message of one's own, by its state. */
const MARKS = { sending: "…", waiting: "…", stored: "✓", read: "✓✓", failed: "✗" };

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Pane {
  #scene;
  #section;
  #log;
  #name;
  #account;
  #person = null;
  #messages = new Map();
  #unread = [];
  #pongs = new Map();

  constructor(id, scene) {
    this.id = id;
    this.#scene = scene;
    this.#section = document.getElementById(id);
    this.#log = this.#find(".log");
    this.#name = this.#find("input.account");
    this.#account = this.#name.value;
    this.#find("input[name=url]").value = new URL(document.getElementById("demo").dataset.sample, location.href).href;

    this.#name.addEventListener("change", () => this.#rename(this.#name.value.trim()));
    this.#name.addEventListener("keydown", (event) => event.key === "Escape" && this.#showName());
    this.#find(".line").addEventListener("click", () => this.#switchLine());
    this.#on(".composer", "submit", (form) => this.#write(formats.text, form.elements.text));
    this.#on(".picture", "submit", (form) => this.#write(formats.picture, form.elements.url));
    this.#find(".ask").addEventListener("click", () => this.#ask());
    this.#find(".marks").addEventListener("change", () => this.#markRead());
    const opener = this.#find(".picture-open");
    opener.addEventListener("click", () => {
      const form = this.#find(".picture");
      form.hidden = !form.hidden;
      opener.setAttribute("aria-expanded", String(!form.hidden));
      if (!form.hidden) form.elements.url.focus();
    });
  }

  get account() {
    return this.#account;
  }

  set account(name) {
    this.#account = name;
    this.#showName();
  }

  /** Resolves with a token of this person's. */
  token() {
    return this.#person.token();
  }

  /** Join an unlimited group. */
  join(groupId) {
    return this.#person.join(groupId);
  }

  /** Begin anew, as a user of `app`; with null for nobody. */
  restart(app, device) {
    this.#person?.stop();
    this.#messages.clear();
    this.#unread = [];
    this.#log.replaceChildren();
    this.#showName();
    this.#find(".line").disabled = app === null;
    this.#person =
      app &&
      new Person(this.id, app, this.#account, device, {
        onStatus: (status, reason) => this.#hearStatus(status, reason),
        onMessage: (message) => this.#hear(message),
        onEnd: (reason) => this.#tell(say("kicked", { reason }), { isAlarm: true }),
        onPacket: (...packet) => this.#scene.tap(this.id, ...packet),
      });
    this.#person?.start();
    this.#showStatus();
  }

  /** Another conversation is on show, or the page itself is again. */
  onModeChange() {
    const { mode } = this.#scene;
    const name = this.#scene.peerOf(this.id);
    this.#find(".composer input").placeholder = mode === "p2p" ? say("writeTo", { name }) : say("writeToGroup");
    this.#find(".ask").textContent = mode === "unlimited" ? say("whoIsThere") : say("isThere", { name });
    this.#scrollToEnd();
    this.#markRead();
  }

  // ---------------------------------------------------------------- name and line

  #rename(name) {
    if (name === this.#account) return;
    if (!this.#scene.mayBeCalled(this.id, name)) {
      this.#showName();
      this.#tell(say("sameName"), { isAlarm: true });
      return;
    }
    this.account = name;
    this.#scene.onRename(this.id);
  }

  #showName() {
    this.#name.value = this.#account;
    this.#section.setAttribute("aria-label", this.#account);
  }

  #hearStatus(status, reason) {
    const wasOnline = this.#find(".lamp").dataset.state === "online";
    // A user of another app begins where the one before was online.
    const isLoss = status === "connecting" && wasOnline && reason !== "login";
    if (isLoss && reason) this.#tell(say("lost", { reason }), { isAlarm: true });
    this.#showStatus();
  }

  #showStatus() {
    const status = this.#person?.status ?? "offline";
    const isAway = status === "suspended" || status === "offline";
    this.#find(".lamp").dataset.state = status;
    this.#find(".state").textContent = say(status);
    this.#find(".line").textContent = say(this.#person && isAway ? "comeBack" : "cutTheLine");
    for (const message of this.#messages.values()) if (message.isPending) this.#showState(message);
  }

  #switchLine() {
    const { status } = this.#person;
    if (status === "offline") {
      this.#person.start();
    } else if (status === "suspended") {
      this.#tell(say("lineBack"));
      this.#person.mend();
    } else {
      this.#tell(say("lineCut"));
      this.#person.cut();
    }
  }

  // ---------------------------------------------------------------- writing

  async #write(make, input) {
    const words = input.value.trim();
    const { mode } = this.#scene;
    if (!words || !this.#person) return;
    // The group may still be in the making.
    if (this.#goal(mode) === null) await this.#scene.prepare(mode);
    if (this.#goal(mode) === null) return;
    if (input.name === "text") input.value = "";
    const message = { ...make(words), mode, from: this.#account, isOwn: true, isPending: true, at: new Date() };
    this.#show(message);
    this.#section.querySelector(".picture").hidden = true;
    this.#find(".picture-open").setAttribute("aria-expanded", "false");
    await this.#deliver(message);
  }

  async #deliver(message) {
    const { mode, from, isOwn, isPending, at, ...sent } = message;
    this.#showState(message);
    try {
      const { sequence } = await this.#person.send(mode, this.#goal(mode), formats.encode(sent));
      message.sequence = sequence;
    } catch (error) {
      message.failure = error.message;
    }
    message.isPending = false;
    this.#showState(message);
  }

  #goal(mode) {
    return mode === "p2p" ? this.#scene.peerOf(this.id) : this.#scene.groupOf(mode);
  }

  async #recall(message) {
    message.element.querySelector("button").disabled = true;
    try {
      await this.#person.send(message.mode, this.#goal(message.mode), formats.encode(formats.recall(message)));
      this.#erase(message);
    } catch (error) {
      message.element.querySelector("button").disabled = false;
      this.#tell(say("failed", { reason: error.message }), { isAlarm: true });
    }
  }

  #markRead() {
    if (document.hidden || !this.#find(".marks").checked) return;
    const { mode } = this.#scene;
    const now = this.#unread.filter((message) => message.mode === mode);
    this.#unread = this.#unread.filter((message) => message.mode !== mode);
    for (const message of now) {
      const goal = mode === "p2p" ? message.from : this.#goal(mode);
      // A mark that is lost is no loss: the message was read all the same.
      this.#person.send(mode, goal, formats.encode(formats.readMark(message))).catch(() => {});
    }
  }

  // ---------------------------------------------------------------- is somebody there?

  async #ask() {
    if (!this.#person) return;
    const { mode } = this.#scene;
    try {
      this.#tell(mode === "unlimited" ? await this.#count() : await this.#ping(this.#scene.peerOf(this.id)), { mode });
    } catch (error) {
      this.#tell(say("failed", { reason: error.message }), { mode, isAlarm: true });
    }
  }

  async #count() {
    return say("counted", { n: await this.#person.countOnline(this.#goal("unlimited")) });
  }

  /** Ask by an online message, which waits for nobody. */
  async #ping(name) {
    const asked = performance.now();
    const answered = new Promise((resolve) => this.#pongs.set(name, () => resolve(true)));
    this.#person.sendOnline(name, formats.encode(formats.ping(this.#account)));
    const isThere = await Promise.race([answered, sleep(PONG_WAIT_MS)]);
    this.#pongs.delete(name);
    const ms = Math.round(performance.now() - asked);
    return isThere ? say("there", { name, ms }) : say("notThere", { name, s: PONG_WAIT_MS / 1000 });
  }

  // ---------------------------------------------------------------- hearing

  /** @param mode, from, goal, payload as they came; whether it is an echo of this user's other device */
  #hear({ mode, from, groupId, payload, timestampMs }) {
    if (groupId !== null && groupId !== this.#scene.groupOf(mode)) return;
    const format = formats.decode(payload);
    const isOwn = from === this.#account;
    if (format === null) {
      this.#tell(`${from}: ${say("unknownFormat", { n: payload.length })}`, { mode });
      return;
    }
    const { msgType } = format;
    if (msgType === "PING") {
      if (!isOwn) this.#answer(from);
    } else if (msgType === "PONG") {
      this.#pongs.get(from)?.();
    } else if (msgType.endsWith("_RECALL")) {
      const message = this.#messages.get(format.target);
      if (message?.from === from) this.#erase(message);
    } else if (msgType.endsWith("_READ")) {
      const message = this.#messages.get(format.target);
      if (message?.isOwn && !isOwn) {
        message.isRead = true;
        this.#showState(message);
      }
    } else if (!this.#messages.has(format.msgId)) {
      const message = { ...format, mode, from, isOwn, at: new Date(timestampMs) };
      this.#show(message);
      if (isOwn) this.#showState(message);
      else this.#unread.push(message);
      if (mode !== this.#scene.mode) this.#scene.onNews(mode);
      this.#markRead();
    }
  }

  #answer(name) {
    try {
      this.#person.sendOnline(name, formats.encode(formats.pong(this.#account)));
    } catch {
      // The line went meanwhile: then this user is not there.
    }
  }

  // ---------------------------------------------------------------- showing

  #show(message) {
    const isPeer = message.from === this.#scene.peerOf(this.id);
    const element = make("div", message.isOwn ? "message own" : isPeer ? "message peer" : "message");
    element.dataset.mode = message.mode;
    element.dataset.msgId = message.msgId;
    message.element = element;
    this.#messages.set(message.msgId, message);
    if (!message.isOwn && (message.mode !== "p2p" || !isPeer)) {
      element.append(make("div", "from", message.from));
    }
    const bubble = make("div", "bubble");
    if (message.msgType === "PIC_FILE") bubble.append(...pictureOf(message.payload, () => this.#scrollToEnd()));
    else bubble.textContent = message.payload;
    const meta = make("div", "meta");
    const time = make("time", "", clock(message.at));
    time.dateTime = message.at.toISOString();
    meta.append(time);
    if (message.isOwn) {
      meta.append(make("span", "mark"));
      const button = make("button", "quiet", say("recall"));
      button.type = "button";
      button.addEventListener("click", () => this.#recall(message));
      meta.append(button);
    }
    element.append(bubble, meta);
    this.#append(element);
  }

  #showState(message) {
    const { element, isPending, failure, isRead } = message;
    const isOnline = this.#person?.status === "online";
    const state = failure ? "failed" : isRead ? "read" : !isPending ? "stored" : isOnline ? "sending" : "waiting";
    element.dataset.state = state;
    const mark = element.querySelector(".mark");
    if (mark) mark.textContent = `${MARKS[state]} ${say(state, { reason: failure ?? "" })}`;
    const button = element.querySelector("button");
    if (button) button.hidden = Boolean(isPending || failure);
  }

  #erase(message) {
    message.element.classList.add("recalled");
    message.element.querySelector(".bubble").textContent = say("recalled");
    message.element.querySelector("button")?.remove();
    message.element.querySelector(".mark")?.remove();
    this.#unread = this.#unread.filter((each) => each !== message);
  }

  #tell(words, { isAlarm = false, mode = this.#scene.mode } = {}) {
    const element = make("div", isAlarm ? "event alarm" : "event", words);
    element.dataset.mode = mode;
    this.#append(element);
  }

  #append(element) {
    this.#log.append(element);
    this.#scrollToEnd();
  }

  #scrollToEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  #find(selector) {
    return this.#section.querySelector(selector);
  }

  #on(selector, name, act) {
    this.#find(selector).addEventListener(name, (event) => {
      event.preventDefault();
      act(event.currentTarget);
    });
  }
}

function make(tag, name, words = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.textContent = words;
  return element;
}

/** A picture of this server is shown, with a link; of any other address there is only the link. */
function pictureOf(address, onLoad) {
  let url = null;
  try {
    url = new URL(address);
  } catch {
    // Shown as the words they are.
  }
  if (url === null || !["http:", "https:"].includes(url.protocol)) return [document.createTextNode(address)];
  const link = make("a", "", say("openPicture"));
  Object.assign(link, { href: url.href, target: "_blank", rel: "noopener noreferrer", title: url.href });
  if (url.origin !== location.origin) {
    link.textContent = `${say("openPicture")} (${url.host})`;
    return [link];
  }
  const picture = make("img", "");
  picture.alt = say("picture");
  picture.addEventListener("load", onLoad);
  picture.src = url.href;
  return [picture, link];
}
