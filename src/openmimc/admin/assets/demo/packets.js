// The side panel: what passed between each user and the server, in the order in which it passed.

import { decode } from "./formats.js";
import { clock, meanings, say } from "./texts.js";

/** Older packets are forgotten. */
const KEPT = 500;

const KEEP_ALIVE = new Set(["PING", "UC_PACKET PING", "UC_PACKET PONG"]);

const one = (id) => document.getElementById(id);

export class Packets {
  #list = one("packets");
  #who = one("packets-who");
  #text = one("packets-text");
  #pings = one("packets-pings");
  #pause = one("packets-pause");
  #names = new Map();
  #isPaused = false;
  #held = [];

  constructor() {
    for (const control of [this.#who, this.#text, this.#pings]) control.addEventListener("input", () => this.#filter());
    one("packets-clear").addEventListener("click", () => {
      this.#list.replaceChildren();
      this.#held = [];
      this.#count();
    });
    this.#pause.addEventListener("click", () => {
      this.#isPaused = !this.#isPaused;
      this.#pause.setAttribute("aria-pressed", String(this.#isPaused));
      this.#pause.textContent = say(this.#isPaused ? "goOn" : "pause");
      if (!this.#isPaused) for (const row of this.#held.splice(0)) this.#append(row);
    });
    this.#count();
  }

  /** Call a user by another name from now on. */
  rename(who, name) {
    this.#names.set(who, name);
    this.#who.querySelector(`option[value="${who}"]`).textContent = name;
  }

  /**
   * Show a packet.
   *
   * @param who "one" or "two"
   * @param direction "out" to the server, "in" from it
   * @param command its name in the protocol, as "BIND"; or "HTTP"
   * @param summary `{kind, bytes, header, body}`: what a SECMSG carries, its size, what is in it without secrets
   */
  show(who, direction, command, summary) {
    const row = this.#row(who, direction, command, summary);
    if (this.#isPaused) this.#held.push(row);
    else this.#append(row);
  }

  #row(who, direction, command, { kind, bytes, header, body }) {
    const name = this.#names.get(who) ?? who;
    const title = kind || command;
    const row = document.createElement("details");
    row.className = "packet";
    row.dataset.who = who;
    row.dataset.direction = direction;
    row.dataset.kind = title;

    const head = document.createElement("summary");
    const arrow = span(`arrow ${direction}`, direction === "out" ? "→" : "←");
    arrow.setAttribute("role", "img");
    arrow.setAttribute("aria-label", say(direction === "out" ? "toServer" : "fromServer"));
    const line = span("line", "");
    line.append(span("command", title), span("gist", gist(title, body)));
    head.append(span("at", clock(new Date(), { toTheMillisecond: true })), span("whose", name), arrow, line);

    const inside = document.createElement("div");
    inside.className = "inside";
    const meaning = meanings[title] ?? meanings[title.split(" ")[0]];
    if (meaning) inside.append(paragraph(meaning));
    const details = document.createElement("pre");
    details.tabIndex = 0;
    details.textContent = JSON.stringify(command === "HTTP" ? body : { bytes, header, body }, null, 2);
    inside.append(details);
    row.append(head, inside);
    row.search = `${name} ${command} ${title} ${details.textContent}`.toLowerCase();
    return row;
  }

  #append(row) {
    const wasAtEnd = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 40;
    row.hidden = !this.#fits(row);
    this.#list.append(row);
    while (this.#list.childElementCount > KEPT) this.#list.firstElementChild.remove();
    if (wasAtEnd) this.#list.scrollTop = this.#list.scrollHeight;
    this.#count();
  }

  #fits(row) {
    if (this.#who.value && row.dataset.who !== this.#who.value) return false;
    if (!this.#pings.checked && KEEP_ALIVE.has(row.dataset.kind)) return false;
    return row.search.includes(this.#text.value.trim().toLowerCase());
  }

  #filter() {
    for (const row of this.#list.children) row.hidden = !this.#fits(row);
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#count();
  }

  #count() {
    const all = this.#list.childElementCount;
    const shown = this.#list.querySelectorAll(":scope > :not([hidden])").length;
    one("packets-count").textContent = shown === all ? String(all) : say("shown", { shown, all });
    one("packets-none").hidden = shown > 0 || all === 0;
  }
}

function span(name, words) {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = words;
  return element;
}

function paragraph(words) {
  const element = document.createElement("p");
  element.textContent = words;
  return element;
}

const short = (words, most = 60) => (words.length > most ? `${words.slice(0, most)}…` : words);

/** What a message says: of a recommended one its kind and words, of any other its beginning. */
function content(payload) {
  if (typeof payload !== "string") return payload?.bytes === undefined ? "" : `${payload.bytes} bytes`;
  const message = decode(payload);
  if (message === null) return short(payload);
  return `${message.msgType} ${short(message.target ?? message.payload)}`;
}

const talk = ({ payload: { payload } = {} }) => content(payload);

/** The telling part of a packet's body, by kind. */
const GISTS = {
  HTTP: ({ request, status, code }) => request ?? [status, code].filter(Boolean).join(" "),
  P2P_MESSAGE: talk,
  P2T_MESSAGE: talk,
  ONLINE_MESSAGE: talk,
  COMPOUND: ({ payload: { packets = [] } = {} }) => packets.map(talk).join(" | "),
  PACKET_ACK: ({ payload: { packetId, sequence } = {} }) => `${packetId} · sequence ${sequence}`,
  SEQUENCE_ACK: ({ payload: { sequence } = {} }) => `sequence ${sequence}`,
};

/** What is worth reading of a packet without opening it, on one line. */
function gist(title, body) {
  return short((GISTS[title] ?? leaves)(body), 200);
}

const SAID_ELSEWHERE = new Set(["type", "package"]);

function leaves({ payload, ...body }) {
  return Object.entries({ ...body, ...(typeof payload === "object" && payload) })
    .filter(([name, value]) => !SAID_ELSEWHERE.has(name) && typeof value !== "object" && value !== "")
    .map(([name, value]) => `${name} ${short(String(value), 40)}`)
    .join(" · ");
}
