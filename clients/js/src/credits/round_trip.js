import { PING, frame } from "./frame.js";
import { Violation } from "./violation.js";

/** How long a round trip takes, by our own PINGs (docs/protocol.md, section 4). */
export class RoundTrip {
  #number = 0;
  /** @type {{ bytes: Uint8Array, at: number } | undefined} */
  #unanswered;
  #lastAt = 0;
  /** @type {number[]} */
  #latest = [];

  /** Of the last four, the shortest; 0 before the first. */
  get shortest() {
    return this.#latest.length > 0 ? Math.min(...this.#latest) : 0;
  }

  /** A PING to send. @param {number} now */
  ping(now) {
    this.#number = (this.#number + 1) % 256;
    const bytes = new Uint8Array([this.#number]);
    this.#unanswered = { bytes, at: now };
    this.#lastAt = now;
    return frame(PING, bytes);
  }

  /** Whether another PING is due and may be sent. @param {number} now */
  isStale(now) {
    return this.#unanswered === undefined && now - this.#lastAt >= STALE_MS;
  }

  /** @param {Uint8Array} bytes @param {number} now */
  pong(bytes, now) {
    const asked = this.#unanswered;
    const isAnswer = asked?.bytes.length === bytes.length && asked.bytes.every((byte, index) => byte === bytes[index]);
    if (!asked || !isAnswer) throw new Violation("unasked pong");
    this.#unanswered = undefined;
    this.#latest = [...this.#latest, now - asked.at].slice(-KEPT);
  }
}

const STALE_MS = 10_000;
const KEPT = 4;
