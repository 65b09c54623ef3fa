/** A clock that a test moves on, for all timers of a connection; its network, if it has one, goes by the real one. */
export class Clock {
  #hasNetwork;
  #now = 0;
  /** @type {Map<object, { at: number, run: () => void }>} */
  #timers = new Map();

  constructor(hasNetwork = true) {
    this.#hasNetwork = hasNetwork;
  }

  /** What a `Platform` takes. */
  get platform() {
    return {
      now: () => this.#now,
      setTimeout: (/** @type {() => void} */ run, /** @type {number} */ ms) => {
        const timer = {};
        this.#timers.set(timer, { at: this.#now + ms, run });
        return timer;
      },
      clearTimeout: (/** @type {any} */ timer) => void this.#timers.delete(timer),
    };
  }

  /**
   * Runs what is due within this time, in order, and gives the network its turns meanwhile: so many that an answer is
   * there long before anybody gives up waiting for it.
   *
   * @param {number} ms
   */
  async advance(ms) {
    const until = this.#now + ms;
    while (this.#now < until) {
      const [next] = [...this.#timers].sort(([, a], [, b]) => a.at - b.at);
      this.#now = Math.min(until, this.#now + STEP_MS, Math.max(this.#now, next?.[1].at ?? until));
      if (next && next[1].at <= this.#now) {
        this.#timers.delete(next[0]);
        next[1].run();
      }
      if (!this.#hasNetwork) continue;
      for (let count = 0; count < 10; count += 1) await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

const STEP_MS = 100;
