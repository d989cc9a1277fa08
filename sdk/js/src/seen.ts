/** The numbers met last, a bounded number of them, to recognise what the server repeats. */
export class SeenSequences {
  // A set forgets in the order of its insertions.
  readonly #sequences = new Set<string>();

  constructor(readonly limit: number) {}

  /** Remember a sequence; false if it was known. */
  add(sequence: string): boolean {
    if (this.#sequences.has(sequence)) return false;
    this.#sequences.add(sequence);
    if (this.#sequences.size > this.limit) {
      for (const oldest of this.#sequences) {
        this.#sequences.delete(oldest);
        break;
      }
    }
    return true;
  }

  /** Let a sequence be new again: its message was not handled and is to come once more. */
  forget(sequence: string): void {
    this.#sequences.delete(sequence);
  }
}
