/**
 * How long to wait before the next try: at random up to half a second, then up to twice as long each time, 30 s at
 * most. Chance is what keeps the clients of a server that comes back from coming all at once.
 */
export class Backoff {
  #tries = 0;
  #random;

  /** @param {() => number} [random] at least 0, below 1 */
  constructor(random = Math.random) {
    this.#random = random;
  }

  /** How many tries there were since the last that went well. */
  get tries() {
    return this.#tries;
  }

  /** In milliseconds. */
  next() {
    const most = Math.min(FIRST_MS * 2 ** this.#tries, MOST_MS);
    this.#tries += 1;
    return this.#random() * most;
  }

  /** It went well. */
  reset() {
    this.#tries = 0;
  }
}

const FIRST_MS = 500;
const MOST_MS = 30_000;
