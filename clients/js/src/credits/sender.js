import {
  BINARY,
  BLOCKED,
  FIRST_BINARY,
  FIRST_TEXT,
  LAST,
  MESSAGE_COST,
  NEXT,
  TEXT,
  frame,
  numbersFrame,
} from "./frame.js";
import { Violation } from "./violation.js";

/**
 * What goes: one message at a time, as far as the peer's credit allows it to begin (docs/protocol.md, section 4).
 */
export class Sender {
  /** Whole messages sent, and frames of messages. */
  messages = 0;
  frames = 0;
  #sent = 0;
  #limit = 0;
  #ack = 0;
  #blockedAt = -1;
  #maxMessage = Infinity;
  /** @type {{ isText: boolean, bytes: Uint8Array, offset: number } | undefined} */
  #message;

  /** The peer's greeting has come. @param {import("./greeting.js").Welcome} welcome */
  welcome({ limit, maxMessage }) {
    this.#limit = limit;
    this.#maxMessage = maxMessage;
  }

  /** Takes a message, the one before it being sent. @param {string | Uint8Array} data is copied */
  take(data) {
    const isText = typeof data === "string";
    const bytes = isText ? new TextEncoder().encode(data) : data.slice();
    if (bytes.length > this.#maxMessage) {
      throw new RangeError(
        `the peer takes messages of at most ${this.#maxMessage} bytes, and this one has ${bytes.length}`,
      );
    }
    this.#message = { isText, bytes, offset: 0 };
  }

  /** Whether there is a message that has not been sent whole. */
  get isBusy() {
    return this.#message !== undefined;
  }

  /** Whether another message may begin. */
  get hasCredit() {
    return this.#sent < this.#limit;
  }

  /** Drops the message, if it has not begun to be sent. */
  drop() {
    if (this.#message?.offset === 0) this.#message = undefined;
  }

  /** The next frame of the message, where there is one and it may be sent. @returns {Uint8Array | undefined} */
  next() {
    const message = this.#message;
    if (!message || (message.offset === 0 && this.#sent >= this.#limit)) return undefined;
    const { isText, bytes, offset } = message;
    const end = Math.min(bytes.length, offset + PART_BYTES);
    const isLast = end === bytes.length;
    if (offset === 0) this.#sent += MESSAGE_COST;
    this.#sent += end - offset;
    this.frames += 1;
    message.offset = end;
    if (isLast) {
      this.messages += 1;
      this.#message = undefined;
    }
    return frame(typeOf(isText, offset === 0, isLast), bytes.subarray(offset, end));
  }

  /** BLOCKED, once for each limit that a message waits at. @returns {Uint8Array | undefined} */
  blocked() {
    const waits = this.#message?.offset === 0 && this.#sent >= this.#limit;
    if (!waits || this.#limit === 0 || this.#blockedAt === this.#limit) return undefined;
    this.#blockedAt = this.#limit;
    return numbersFrame(BLOCKED, [this.#limit]);
  }

  /** A CREDIT has come. @param {number} limit @param {number} ack */
  credit(limit, ack) {
    if (limit < this.#limit) throw new Violation("limit shrunk");
    if (ack < this.#ack) throw new Violation("ack shrunk");
    if (ack > this.messages) throw new Violation("ack of unsent");
    if (limit === this.#limit && ack === this.#ack) throw new Violation("idle credit");
    this.#limit = limit;
    this.#ack = ack;
  }
}

/** A longer message goes in parts, each in a batch of its own, so that control frames pass between. */
export const PART_BYTES = 65_536;

/** @param {boolean} isText @param {boolean} isFirst @param {boolean} isLast */
function typeOf(isText, isFirst, isLast) {
  if (isFirst && isLast) return isText ? TEXT : BINARY;
  if (isFirst) return isText ? FIRST_TEXT : FIRST_BINARY;
  return isLast ? LAST : NEXT;
}
