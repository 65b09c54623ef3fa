import { BINARY, FIRST_TEXT, LAST, NEXT, TEXT, joined } from "./frame.js";
import { Violation } from "./violation.js";

/**
 * Joins the parts of the messages that come. Charges the window as they do, so that one which goes too far is seen at
 * its first byte.
 */
export class Assembler {
  /** @type {{ isText: boolean, parts: Uint8Array[], bytes: number } | undefined} */
  #message;
  #window;
  #maxMessageBytes;
  // A mark of the byte order is a character of the message as any other.
  #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  /** @param {import("./window.js").Window} window @param {number} maxMessageBytes */
  constructor(window, maxMessageBytes) {
    this.#window = window;
    this.#maxMessageBytes = maxMessageBytes;
  }

  get isInside() {
    return this.#message !== undefined;
  }

  /**
   * @param {number} type of a message's frame
   * @param {Uint8Array} payload a view into its batch, which nobody else uses
   * @returns {import("../websocket/chunk.js").Chunk | undefined} the message that is whole with it
   */
  add(type, payload) {
    const isFirst = type !== NEXT && type !== LAST;
    if (isFirst && this.#message) throw new Violation("message inside message");
    if (!isFirst && !this.#message) throw new Violation("part of nothing");
    const isWhole = type === TEXT || type === BINARY;
    if (payload.length === 0 && !isWhole && type !== LAST) throw new Violation("empty part");
    if (isFirst) this.#window.begin();
    this.#message ??= { isText: type === TEXT || type === FIRST_TEXT, parts: [], bytes: 0 };
    const message = this.#message;
    message.bytes += payload.length;
    if (message.bytes > this.#maxMessageBytes) throw new Violation("message too large");
    this.#window.more(payload.length);
    if (!isWhole && type !== LAST) {
      // A part that is most of its batch is not copied, and a small one does not keep a large batch.
      message.parts.push(2 * payload.length < payload.buffer.byteLength ? payload.slice() : payload);
      return undefined;
    }
    message.parts.push(payload);
    this.#message = undefined;
    const chunk = this.#join(message);
    this.#window.complete();
    return chunk;
  }

  /** Forgets the message that is coming. */
  giveUp() {
    if (this.#message) this.#window.giveUp();
    this.#message = undefined;
  }

  /** @param {{ isText: boolean, parts: Uint8Array[] }} message */
  #join({ isText, parts }) {
    if (!isText) return parts.length === 1 ? copyOf(parts[0]) : joined(parts);
    try {
      return this.#decoder.decode(parts.length === 1 ? parts[0] : joined(parts));
    } catch {
      throw new Violation("not UTF-8");
    }
  }
}

/** One that has its buffer to itself is as good. @param {Uint8Array} bytes @returns {Uint8Array<ArrayBuffer>} */
function copyOf(bytes) {
  return bytes.length === bytes.buffer.byteLength ? /** @type {any} */ (bytes) : new Uint8Array(bytes);
}

/** Whether a frame of this type carries a message. @param {number} type */
export function isMessage(type) {
  return type >= TEXT && type <= LAST;
}
