import { joined } from "../credits/frame.js";
import { Violation } from "../credits/violation.js";
import { behindFrames, countFrames, firstFrames } from "./frames.js";

/** How much is kept before nothing new is sent (docs/sessions.md, section 6). */
export const REPLAY_BYTES = 262_144;

/**
 * Our own flow: what was sent and not acknowledged, to be sent again when an attachment is lost. It is kept as the
 * batches that it came in, and cut only where an acknowledgement falls inside one.
 */
export class Replay {
  /** How many frames the peer has. */
  acknowledged = 0;
  /** How many bytes are kept. */
  bytes = 0;
  /** @type {{ bytes: Uint8Array<ArrayBuffer>, count: number }[]} */
  #batches = [];
  /** How many frames there were in all. */
  pushed = 0;
  /** How many of the batches have gone out on this WebSocket. */
  #sent = 0;

  /** Whether more may be sent. */
  get hasRoom() {
    return this.bytes < REPLAY_BYTES;
  }

  get isEmpty() {
    return this.#batches.length === 0;
  }

  /** Takes whole frames. @param {Uint8Array<ArrayBuffer>} bytes are kept */
  push(bytes) {
    const count = countFrames(bytes);
    this.#batches.push({ bytes, count });
    this.pushed += count;
    this.bytes += bytes.length;
  }

  /**
   * The peer has these many frames. An older position is no news.
   *
   * @param {number} position
   * @returns {boolean} whether it is news
   */
  acknowledge(position) {
    if (position > this.pushed) throw new Violation("ack of unsent");
    if (position <= this.acknowledged) return false;
    let whole = 0;
    let first = this.#batches[whole];
    while (first && this.acknowledged + first.count <= position) {
      this.acknowledged += first.count;
      this.bytes -= first.bytes.length;
      whole += 1;
      first = this.#batches[whole];
    }
    this.#batches.splice(0, whole);
    this.#sent = Math.max(0, this.#sent - whole);
    if (first && this.acknowledged < position) this.#cut(first, position);
    return true;
  }

  /** All that is kept is to be sent again. */
  rewind() {
    this.#sent = 0;
  }

  /** The next batch for a WebSocket. @returns {Uint8Array<ArrayBuffer> | undefined} */
  next() {
    const batch = this.#batches[this.#sent];
    if (batch) this.#sent += 1;
    return batch?.bytes;
  }

  /**
   * The frames behind those acknowledged, for a POST.
   *
   * @param {number} maxBytes more, where a frame has more
   * @returns {{ bytes: Uint8Array<ArrayBuffer>, count: number }}
   */
  body(maxBytes) {
    /** @type {Uint8Array[]} */
    const parts = [];
    let count = 0;
    let left = maxBytes;
    for (const batch of this.#batches) {
      if (batch.bytes.length > left && count > 0) break;
      const first = batch.bytes.length > left ? firstFrames(batch.bytes, left) : batch;
      left -= batch.bytes.length;
      count += first.count;
      parts.push(first.bytes);
    }
    return { bytes: joined(parts), count };
  }

  /** @param {{ bytes: Uint8Array<ArrayBuffer>, count: number }} batch @param {number} position */
  #cut(batch, position) {
    const count = position - this.acknowledged;
    const rest = /** @type {Uint8Array<ArrayBuffer>} */ (behindFrames(batch.bytes, count));
    this.bytes -= batch.bytes.length - rest.length;
    batch.bytes = rest;
    batch.count -= count;
    this.acknowledged = position;
  }
}
