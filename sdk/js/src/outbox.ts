/**
 * What was sent and not yet answered, in the order of sending.
 *
 * A message stays here across connections until its receipt comes, so that the next connection can send it again
 * under the same packet id; the server stores a repeated packet id once. So does a request about an unlimited
 * group: joining or quitting twice is the same as once.
 *
 * @module
 */

import { MIMCError } from "./errors.js";
import type { Ack, GroupAnswer, Identity, OnlineAck, Packet } from "./packets.js";
import { Deferred } from "./timing.js";

/** What answers: a message's ack, a group's answer. */
export type Answer = Ack | GroupAnswer;

/** Makes the packet; again for each connection. */
export type Make = (identity: Identity) => Packet;

interface Waiting {
  readonly make: Make;
  readonly expects: Answer["type"];
  readonly answer: Deferred<Answer>;
}

/** Unanswered messages and requests of one user. */
export class Outbox {
  readonly #waiting = new Map<string, Waiting>();

  constructor(readonly limit: number) {}

  /** What has no answer, oldest first: what a new connection has to send again. */
  get unanswered(): readonly Make[] {
    return Array.from(this.#waiting.values(), ({ make }) => make);
  }

  /**
   * Take something in; the promise gives its answer, refusals included.
   *
   * @throws MIMCError: its packet id is being sent already, or too much is waiting.
   */
  add(packetId: string, make: Make, expects: Answer["type"]): Promise<Answer> {
    if (this.#waiting.has(packetId)) throw new MIMCError(`packet id ${packetId} is still being sent`);
    if (this.#waiting.size >= this.limit) throw new MIMCError(`${this.limit} messages wait for their receipts`);
    const answer = new Deferred<Answer>();
    this.#waiting.set(packetId, { make, expects, answer });
    return answer.promise;
  }

  /** Hand an answer to whoever waits for it. What nobody waits for is a repeat, and harmless. */
  settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.packetId);
    if (waiting?.expects !== answer.type) return;
    this.#waiting.delete(answer.packetId);
    waiting.answer.resolve(answer);
  }

  /** Stop waiting, and do not send it again. */
  drop(packetId: string): void {
    this.#waiting.delete(packetId);
  }

  /** End every wait with an error: there will be no connection any more. */
  failAll(error: Error): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { answer } of waiting) answer.reject(error);
  }
}

/** Online messages whose sender waits for a receipt; of several devices' receipts the first counts. */
export class OnlineReceipts {
  readonly #waiting = new Map<string, Deferred<OnlineAck>>();

  expect(packetId: string): Promise<OnlineAck> {
    const receipt = new Deferred<OnlineAck>();
    this.#waiting.set(packetId, receipt);
    return receipt.promise;
  }

  settle(ack: OnlineAck): void {
    this.#waiting.get(ack.packetId)?.resolve(ack);
    this.#waiting.delete(ack.packetId);
  }

  drop(packetId: string): void {
    this.#waiting.delete(packetId);
  }

  failAll(error: Error): void {
    for (const receipt of this.#waiting.values()) receipt.reject(error);
    this.#waiting.clear();
  }
}
