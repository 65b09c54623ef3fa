/**
 * How long a peer may take (docs/protocol.md, sections 1 and 7).
 *
 * @typedef {object} DeadlineEvents
 * @property {() => void} onNoGreeting
 * @property {() => void} onNoEnd the peer's END does not come, or ours cannot be sent; or both were exchanged, and
 *   the server does not close the WebSocket
 */
export class Deadlines {
  #platform;
  #events;
  /** @type {any} */
  #timer;
  #wait = "";
  #endBy = Infinity;
  /** Since when the time for ending stands still. @type {number | undefined} */
  #pausedAt;

  /** @param {import("../platform.js").Platform} platform @param {DeadlineEvents} events */
  constructor(platform, events) {
    this.#platform = platform;
    this.#events = events;
  }

  opened() {
    this.#set("greeting", GREETING_MS, this.#events.onNoGreeting);
  }

  greeted() {
    this.stop();
  }

  /** We are about to end. */
  ending() {
    if (this.#wait === "end" || this.#wait === "close") return;
    const now = this.#platform.now();
    this.#endBy = now + END_AT_MOST_MS;
    if (this.#pausedAt !== undefined) this.#pausedAt = now;
    this.#expectEnd();
  }

  /** Nothing carries the conversation, so nothing can come: the time for ending stands still. */
  pause() {
    this.#pausedAt ??= this.#platform.now();
    if (this.#wait === "end") this.#platform.clearTimeout(this.#timer);
  }

  /** Something carries it again. */
  resume() {
    if (this.#pausedAt === undefined) return;
    this.#endBy += this.#platform.now() - this.#pausedAt;
    this.#pausedAt = undefined;
    if (this.#wait === "end") this.#expectEnd();
  }

  /** The peer has sent something. */
  heard() {
    if (this.#wait === "end") this.#expectEnd();
  }

  over() {
    if (this.#wait !== "close") this.#set("close", CLOSE_MS, this.#events.onNoEnd);
  }

  stop() {
    this.#wait = "";
    this.#platform.clearTimeout(this.#timer);
  }

  #expectEnd() {
    this.stop();
    this.#wait = "end";
    if (this.#pausedAt !== undefined) return;
    const left = Math.min(END_MS, this.#endBy - this.#platform.now());
    this.#set("end", Math.max(left, 0), this.#events.onNoEnd);
  }

  /** @param {string} wait @param {number} milliseconds @param {() => void} then */
  #set(wait, milliseconds, then) {
    this.#platform.clearTimeout(this.#timer);
    this.#wait = wait;
    this.#timer = this.#platform.setTimeout(then, milliseconds);
  }
}

const GREETING_MS = 10_000;
const END_MS = 10_000;
const END_AT_MOST_MS = 60_000;
const CLOSE_MS = 2000;
