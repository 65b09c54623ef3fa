/**
 * Tries several transports in order. One that has not attached after a while is left at it, and the next is tried
 * beside it: so a proxy that swallows a handshake or holds an answer back costs little. The first that attaches wins,
 * and the others are given up.
 *
 * @typedef {import("./attempt.js").Attempt} Attempt
 * @typedef {import("../transport/names.js").TransportName} TransportName
 * @typedef {import("../transport/attachment.js").Ending} Ending
 */
export class Race {
  #platform;
  #begin;
  #onFailed;
  #left;
  #count;
  /** @type {Set<Attempt>} */
  #running = new Set();
  /** @type {Ending[]} */
  #endings = [];
  #isOver = false;
  /** @type {any} */
  #timer;
  /** @type {any} */
  #limit;

  /**
   * @param {TransportName[]} names
   * @param {import("../platform.js").Platform} platform
   * @param {(name: TransportName) => Attempt} begin
   * @param {(endings: Ending[]) => void} onFailed none of them attaches
   */
  constructor(names, platform, begin, onFailed) {
    this.#left = [...names];
    this.#count = names.length;
    this.#platform = platform;
    this.#begin = begin;
    this.#onFailed = onFailed;
    this.#limit = platform.setTimeout(() => this.#fail(), LIMIT_MS);
    this.#next(HEAD_START_MS);
  }

  /** Whether so many take part, or did. @param {number} count */
  isFull(count) {
    return this.#count >= count;
  }

  /** One has ended without being attached. @param {Attempt} attempt @param {Ending} ending */
  ended(attempt, ending) {
    if (this.#isOver || !this.#running.delete(attempt)) return;
    this.#endings.push(ending);
    if (this.#left.length > 0) this.#next(NEXT_MS);
    else if (this.#running.size === 0) this.#fail();
  }

  /** All but the one that has won, if one has, are given up: to whoever calls this. @param {Attempt} [winner] */
  stop(winner) {
    this.#isOver = true;
    this.#platform.clearTimeout(this.#timer);
    this.#platform.clearTimeout(this.#limit);
    const losers = [...this.#running].filter((attempt) => attempt !== winner);
    this.#running.clear();
    return losers;
  }

  /** @param {number} then when the one behind it is tried */
  #next(then) {
    this.#platform.clearTimeout(this.#timer);
    const name = this.#left.shift();
    if (name === undefined) return;
    this.#running.add(this.#begin(name));
    if (this.#left.length > 0) this.#timer = this.#platform.setTimeout(() => this.#next(NEXT_MS), then);
  }

  #fail() {
    for (const attempt of this.stop()) attempt.close();
    this.#onFailed(this.#endings);
  }
}

/** How long the best has before the next is tried beside it; and each behind that. */
const HEAD_START_MS = 1000;
const NEXT_MS = 300;

/** How long all of them together have. */
const LIMIT_MS = 15_000;
