/**
 * Waiting: with a bound, with growing delays, until somebody calls.
 *
 * @module
 */

/**
 * What a promise gives, if it does so in time.
 *
 * @param timeoutMs 0 for no bound.
 * @param late Makes what is thrown otherwise.
 */
export async function withTimeout<T>(promise: Promise<T>, timeoutMs: number, late: () => Error): Promise<T> {
  if (timeoutMs <= 0) return promise;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const bound = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), timeoutMs);
  });
  try {
    return await Promise.race([promise, bound]);
  } finally {
    clearTimeout(timer);
  }
}

/** A promise that is settled from outside, and does not complain when nobody looks at its failure. */
export class Deferred<T> {
  readonly promise: Promise<T>;
  resolve!: (value: T) => void;
  reject!: (error: Error) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.promise.catch(() => undefined);
  }
}

/**
 * A growing, random series of delays: exponential backoff with full jitter, which spreads the clients of a
 * restarted server best.
 */
export class Backoff {
  #boundMs: number;

  constructor(
    readonly initialMs: number,
    readonly maxMs: number,
    readonly jitter: () => number,
  ) {
    this.#boundMs = initialMs;
  }

  /** The next delay, below a bound that then doubles. */
  nextDelayMs(): number {
    const delayMs = this.jitter() * this.#boundMs;
    this.#boundMs = Math.min(this.maxMs, this.#boundMs * 2);
    return delayMs;
  }

  /** Begin again with the initial bound: the last try was a lasting success. */
  reset(): void {
    this.#boundMs = this.initialMs;
  }
}

/** A wait that can be cut short. */
export class Pause {
  #wake: (() => void) | undefined;

  /** Return after some time, or when `end` is called. Without a time, only then. One caller at a time. */
  async wait(delayMs?: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (delayMs !== undefined) timer = setTimeout(resolve, delayMs);
    });
    this.#wake = undefined;
    clearTimeout(timer);
  }

  /** End the wait that is going on, if there is one. */
  end(): void {
    this.#wake?.();
  }
}

/** Let everything run that waits for a promise, and return in a task of its own. Not slowed down in hidden pages. */
export async function nextTask(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  await new Promise<void>((resolve) => {
    port1.onmessage = () => resolve();
    port2.postMessage(null);
  });
  port1.close();
}
