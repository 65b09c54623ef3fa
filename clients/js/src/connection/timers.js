/**
 * Timers by name, at most one of each.
 * @template {string} Name
 */
export class Timers {
  #platform;
  /** @type {Map<Name, any>} */
  #timers = new Map();

  /** @param {import("../platform.js").Platform} platform */
  constructor(platform) {
    this.#platform = platform;
  }

  /** @param {Name} name */
  has(name) {
    return this.#timers.has(name);
  }

  /** Instead of the one of this name. @param {Name} name @param {number} milliseconds @param {() => void} run */
  set(name, milliseconds, run) {
    this.clear(name);
    const timer = this.#platform.setTimeout(() => {
      this.#timers.delete(name);
      run();
    }, milliseconds);
    this.#timers.set(name, timer);
  }

  /** @param {Name} name */
  clear(name) {
    this.#platform.clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  clearAll() {
    for (const name of [...this.#timers.keys()]) this.clear(name);
  }
}
