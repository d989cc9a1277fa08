/**
 * Messages of unlimited groups on their way to the app.
 *
 * Theory of operation. Each group has a log of its own, so each is acknowledged on its own: when the handlers of
 * the last message of a list have run, the server is told that everything of this group up to there is done with.
 * What is not acknowledged when the connection ends comes again after the next login, as far as the server keeps
 * to it (the newest 100 messages of a group, 10 minutes old at most); repeats are filtered out by sequence.
 *
 * On a living connection the server sends nothing twice and cannot be asked to. So a message whose listener fails
 * stays here and is handed over again, and when more waits than the queue may hold, the oldest are let go: they
 * are in the group's history if anywhere.
 *
 * @module
 */

import type { MIMCGroupMessage } from "./messages.js";
import type { DeliveredGroup } from "./packets.js";
import { SeenSequences } from "./seen.js";

/** Of each group. The server repeats the newest 100 at most. */
const REMEMBERED_SEQUENCES = 1000;

/** The unlimited groups that this device knows to be in, with what it has had of each; outlives sessions. */
export class KnownGroups {
  readonly #seen = new Map<string, SeenSequences>();

  get ids(): readonly string[] {
    return [...this.#seen.keys()];
  }

  /** Note that this user is in a group. */
  add(groupId: string): SeenSequences {
    let seen = this.#seen.get(groupId);
    if (seen === undefined) this.#seen.set(groupId, (seen = new SeenSequences(REMEMBERED_SEQUENCES)));
    return seen;
  }

  /** Note that this user is not in a group any more. */
  discard(groupId: string): void {
    this.#seen.delete(groupId);
  }

  /** Let a message be new again: it was not handled and is to come once more. */
  forget(groupId: string, sequence: string): void {
    this.#seen.get(groupId)?.forget(sequence);
  }
}

/** A message, or the end of a list of which all messages were seen; and what is acknowledged after it. */
interface Arrived {
  readonly groupId: string;
  readonly message: MIMCGroupMessage | undefined;
  readonly acknowledges: string | undefined;
}

/** What a group inbox needs from its session; see `InboxHost`. */
export interface GroupInboxHost {
  readonly maxMessages: number;
  handle(message: MIMCGroupMessage): Promise<boolean>;
  acknowledge(groupId: string, sequence: string): void;
  pause(): Promise<void>;
  succeeded(): void;
}

/** The queue between the connection and the app, for unlimited groups. */
export class GroupInbox {
  readonly #host: GroupInboxHost;
  readonly #known: KnownGroups;
  #waiting: Arrived[] = [];
  #isRunning = false;
  #isClosed = false;

  constructor(host: GroupInboxHost, known: KnownGroups) {
    this.#host = host;
    this.#known = known;
  }

  /** Queue a list, without what was seen before. */
  add({ groupId, maxSequence, messages }: DeliveredGroup): void {
    if (this.#isClosed) return;
    const seen = this.#known.add(groupId);
    const fresh = messages.filter((message) => seen.add(message.sequence));
    for (const message of fresh) {
      const acknowledges = message === fresh.at(-1) ? maxSequence : undefined;
      this.#waiting.push({ groupId, message, acknowledges });
    }
    if (fresh.length === 0) this.#waiting.push({ groupId, message: undefined, acknowledges: maxSequence });
    const excess = this.#waiting.length - this.#host.maxMessages;
    if (excess > 0) {
      console.warn(`${excess} messages of unlimited groups are dropped: they come faster than they are taken`);
      this.#waiting.splice(0, excess);
    }
    if (!this.#isRunning) void this.#run();
  }

  /** Hand over nothing any more. What waits is new again to the next inbox. */
  close(): void {
    this.#isClosed = true;
    for (const { groupId, message } of this.#waiting) if (message) this.#known.forget(groupId, message.sequence);
    this.#waiting = [];
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (next.message !== undefined && !(await this.#host.handle(next.message))) {
        if (this.#isClosed) {
          this.#known.forget(next.groupId, next.message.sequence);
        } else {
          this.#waiting.unshift(next);
          await this.#host.pause();
        }
        continue;
      }
      this.#host.succeeded();
      if (next.acknowledges !== undefined && !this.#isClosed) {
        this.#host.acknowledge(next.groupId, next.acknowledges);
      }
    }
    this.#isRunning = false;
  }
}
