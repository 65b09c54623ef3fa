import { MAX_BATCH_BYTES, joined } from "../credits/frame.js";
import { Violation } from "../credits/violation.js";
import { ACK, ATTACHED, DETACHED, SKIP, attachedOf, frameEnd, isOfAttachment, numberOf, payloadOf } from "./frames.js";

/**
 * The server's flow as one attachment carries it: bytes that may be cut anywhere. Frames that came before, by an older
 * attachment, are skipped; what is not whole when the attachment ends is dropped with this.
 *
 * @typedef {object} IncomingEvents
 * @property {(attached: import("./frames.js").Attached) => boolean} onAttached comes first; whether this attachment is
 *   wanted. If not, nothing of it counts
 * @property {(why: number) => void} onDetached
 */
export class Incoming {
  #session;
  #events;
  /** How many frames of the flow lie before the next one here; none before ATTACHED. @type {number | undefined} */
  #position;
  #isWanted = true;
  /** A frame that is not whole yet. @type {Uint8Array[]} */
  #parts = [];

  /** @param {import("./machine.js").Session} session @param {IncomingEvents} events */
  constructor(session, events) {
    this.#session = session;
    this.#events = events;
  }

  /** Whether a frame has begun and is not whole. */
  get isInside() {
    return this.#parts.length > 0;
  }

  /** @param {Uint8Array} chunk is not kept */
  receive(chunk) {
    const bytes = this.#parts.length > 0 ? joined([...this.#parts, chunk]) : chunk;
    this.#parts = [];
    let at = 0;
    while (this.#isWanted && at < bytes.length) {
      const end = frameEnd(bytes, at);
      if (end === 0) break;
      at = isOfAttachment(bytes[at]) ? this.#ownFrame(bytes, at, end) : this.#run(bytes, at);
    }
    if (this.#isWanted && at < bytes.length) this.#parts.push(bytes.slice(at));
  }

  /**
   * Counts the frames of the flow from here on, and hands over those that are new.
   *
   * @param {Uint8Array} bytes
   * @param {number} from
   * @returns {number} where it stopped: at a frame of the attachment, or one that is not whole
   */
  #run(bytes, from) {
    if (this.#position === undefined) throw new Violation("no greeting");
    let start = from;
    let at = from;
    let count = 0;
    while (at < bytes.length && !isOfAttachment(bytes[at])) {
      const end = frameEnd(bytes, at);
      if (end === 0 || end - start > MAX_BATCH_BYTES) break;
      const isNew = this.#position + count >= this.#session.received;
      if (isNew) count += 1;
      else {
        this.#position += 1;
        start = end;
      }
      at = end;
    }
    this.#position += count;
    if (count > 0) this.#session.deliver(bytes.subarray(start, at), count);
    return at;
  }

  /** @param {Uint8Array} bytes @param {number} at @param {number} end */
  #ownFrame(bytes, at, end) {
    const type = bytes[at];
    if ((type === ATTACHED) === (this.#position !== undefined)) throw new Violation("no greeting");
    const payload = payloadOf(bytes, at, end);
    if (type === ATTACHED) this.#attach(attachedOf(payload));
    else if (type === ACK) this.#session.acknowledged(numberOf(payload));
    else if (type === SKIP) this.#skip(numberOf(payload));
    else if (type === DETACHED) this.#events.onDetached(numberOf(payload));
    return end;
  }

  /** What we have acknowledged by another way is not kept for this one. @param {number} position */
  #skip(position) {
    if (position > this.#session.received || position < (this.#position ?? 0)) throw new Violation("bad parameter");
    this.#position = position;
  }

  /** @param {import("./frames.js").Attached} attached */
  #attach(attached) {
    this.#position = attached.after;
    this.#isWanted = this.#events.onAttached(attached);
  }
}
