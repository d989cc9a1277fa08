/**
 * Received messages on their way to the app, and when the server may forget them.
 *
 * Theory of operation. The server sends lists; acknowledging a list's `maxSequence` tells it that everything up to
 * there is done with on this device. So a list is acknowledged when the handlers of its last message have run.
 * Whatever happens before that (a closed page, a lost connection, a listener that fails), the server sends the
 * list again, and nothing is lost. Repeats of what the app has had are filtered out by sequence, so within one
 * page each message is shown once, and one after the other.
 *
 * A list may be empty and say that too many messages wait to be sent (a gap). It has its turn like any other. If
 * the app does not want it acknowledged, it is forgotten with all that waits behind it, because acknowledging that
 * would acknowledge the gap as well; the server tells of it again.
 *
 * A list whose messages were all seen is kept as well, empty: its acknowledgement waits for its turn, because
 * those messages may still be in the queue. When the queue is full, further lists are dropped without
 * acknowledgement, and all lists after them, to keep the order; a pull brings them again.
 *
 * @module
 */

import type { MIMCGroupMessage, MIMCMessage } from "./messages.js";
import type { Delivered } from "./packets.js";
import type { SeenSequences } from "./seen.js";

type AnyMessage = MIMCMessage | MIMCGroupMessage;

interface List {
  maxSequence: string;
  readonly messages: AnyMessage[];
  readonly gap: readonly [string, string] | undefined;
}

/** What an inbox needs from its session. */
export interface InboxHost {
  readonly maxMessages: number;
  /** Show a message; false if it is to come again. Never rejected. */
  handle(message: AnyMessage): Promise<boolean>;
  /** Tell of messages that the server did not send; false if it is to tell of them again. Never rejected. */
  reportGap(minSequence: string, maxSequence: string): Promise<boolean>;
  /** May be lost; then the list comes again. */
  acknowledge(sequence: string): void;
  /** Ask for what lies beyond the last acknowledgement. */
  pull(): void;
  /** Wait before a failed message is asked for again. */
  pause(): Promise<void>;
  /** Note that handlers work. */
  succeeded(): void;
}

/** The queue between the connection and the app. */
export class Inbox {
  readonly #host: InboxHost;
  readonly #seen: SeenSequences;
  #lists: List[] = [];
  #queued = 0;
  #isDropping = false;
  #isRunning = false;
  #isClosed = false;

  constructor(host: InboxHost, seen: SeenSequences) {
    this.#host = host;
    this.#seen = seen;
  }

  /** Queue a list, without what was seen before. */
  add(delivered: Delivered): void {
    if (this.#isClosed) return;
    const { messages, minSequence, maxSequence, isOverflow } = delivered;
    if (this.#isDropping || (this.#lists.length > 0 && this.#queued + messages.length > this.#host.maxMessages)) {
      this.#isDropping = true;
      return;
    }
    const gap = isOverflow ? ([minSequence, maxSequence] as const) : undefined;
    if (gap && this.#lists.some((list) => list.gap?.[0] === gap[0] && list.gap[1] === gap[1])) return;
    const fresh = messages.filter((message) => this.#seen.add(message.sequence));
    const last = this.#lists.at(-1);
    if (fresh.length === 0 && gap === undefined && last !== undefined) {
      // The newest list is the one the server waits for, and covers those before it.
      last.maxSequence = maxSequence;
    } else {
      this.#lists.push({ maxSequence, messages: fresh, gap });
      this.#queued += fresh.length;
    }
    if (!this.#isRunning) void this.#run();
  }

  /** Note a new login: the server begins again behind the last acknowledgement, unasked. */
  reconnected(): void {
    this.#isDropping = false;
  }

  /** Hand over nothing any more. What waits is new again to the next inbox. */
  close(): void {
    this.#isClosed = true;
    this.#forgetQueued();
  }

  #forgetQueued(): void {
    for (const { messages } of this.#lists) for (const { sequence } of messages) this.#seen.forget(sequence);
    this.#lists = [];
    this.#queued = 0;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (!this.#isClosed && this.#lists.length > 0) {
      await this.#work(this.#lists[0]!);
      if (this.#lists.length === 0 && this.#isDropping && !this.#isClosed) {
        this.#isDropping = false;
        this.#host.pull();
      }
    }
    this.#isRunning = false;
  }

  async #work(list: List): Promise<void> {
    for (let message = list.messages.shift(); message !== undefined; message = list.messages.shift()) {
      this.#queued -= 1;
      if (!(await this.#host.handle(message))) return this.#retry(message);
      this.#host.succeeded();
      if (this.#isClosed) {
        // Handled, but never acknowledged: only that it was seen keeps it from being shown again.
        return;
      }
    }
    if (list.gap && !(await this.#host.reportGap(...list.gap))) {
      this.#forgetQueued();
      return;
    }
    if (this.#isClosed) return;
    this.#lists.shift();
    this.#host.acknowledge(list.maxSequence);
  }

  /** Have a message that was not handled come again, and all behind it: order is kept. */
  async #retry(message: AnyMessage): Promise<void> {
    this.#seen.forget(message.sequence);
    this.#forgetQueued();
    // What comes before the pull would come before the message.
    this.#isDropping = true;
    await this.#host.pause();
    if (this.#isClosed) return;
    this.#isDropping = false;
    this.#host.pull();
  }
}
