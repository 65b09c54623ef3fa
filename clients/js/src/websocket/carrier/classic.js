import { CLOSE_TIMEOUT_MS, HIGH_WATER_MARK, LOST } from "../carrier.js";

/**
 * A classic WebSocket. What is sent waits while more than the high water mark is buffered. What comes cannot wait:
 * the classic API hands it over as it arrives, and it piles up in the page until it is read.
 *
 * @implements {Carrier}
 * @typedef {import("../carrier.js").Carrier} Carrier
 */
export class Classic {
  #socket;
  #platform;
  #events;
  #over = false;
  /** The write that waits for room. @type {(() => void) | undefined} */
  #waiting;
  /** @type {any} */
  #poll;
  /** @type {any} */
  #closeTimer;

  /**
   * @param {import("../carrier.js").CarrierRequest} request
   * @param {import("../carrier.js").CarrierEvents} events
   */
  constructor({ url, protocols, platform }, events) {
    this.#platform = platform;
    this.#events = events;
    const socket = new platform.WebSocket(url, protocols);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => {
      if (!this.#over) events.onOpen({ protocol: socket.protocol, extensions: socket.extensions ?? "" });
    });
    socket.addEventListener("message", ({ data }) => this.#received(data));
    // `close` follows. Without a listener, some runtimes take it for an error that nobody handles.
    socket.addEventListener("error", () => {});
    socket.addEventListener("close", ({ wasClean, code, reason }) => {
      this.#end({ isClean: wasClean, closeCode: code, reason: `${reason ?? ""}` });
    });
  }

  /** @param {string | Uint8Array} data */
  send(data) {
    this.#socket.send(/** @type {string | Uint8Array<ArrayBuffer>} */ (data));
    if (this.#hasRoom()) return undefined;
    return new Promise((/** @type {(value?: undefined) => void} */ resolve) => {
      this.#waiting = resolve;
      this.#look(FIRST_LOOK_MS);
    });
  }

  taken() {}

  /** @param {import("../close_info.js").CloseInfo} info */
  close({ closeCode, reason }) {
    if (closeCode === null) this.#socket.close();
    else this.#socket.close(closeCode, reason);
    this.#expectEnd(Infinity);
  }

  fail() {
    this.#over = true;
    this.#tidy();
    // While connecting it gives up; later it is as good as any other end of a socket that nobody listens to.
    this.#socket.close();
  }

  /** @param {ArrayBuffer | string} data */
  #received(data) {
    if (this.#over) return;
    this.#events.onMessage(typeof data === "string" ? data : new Uint8Array(data));
    // Timers of hidden pages are slow, messages are not.
    if (this.#waiting) this.#letWrite();
  }

  /** Once the peer closes, what is buffered is lost, so no write that waits has succeeded. */
  #hasRoom() {
    return this.#socket.readyState === OPEN && this.#socket.bufferedAmount < HIGH_WATER_MARK;
  }

  #letWrite() {
    if (!this.#hasRoom()) return false;
    const resolve = this.#waiting;
    this.#waiting = undefined;
    this.#platform.clearTimeout(this.#poll);
    resolve?.();
    return true;
  }

  /** No event tells that the buffer has room. @param {number} milliseconds */
  #look(milliseconds) {
    this.#poll = this.#platform.setTimeout(() => {
      if (this.#waiting && !this.#letWrite()) this.#look(Math.min(2 * milliseconds, LAST_LOOK_MS));
    }, milliseconds);
  }

  /**
   * A peer that does not answer our Close must not hold the connection for ever, unless it still takes data.
   *
   * @param {number} before what was buffered when this was last looked at
   */
  #expectEnd(before) {
    this.#closeTimer = this.#platform.setTimeout(() => {
      const buffered = this.#socket.bufferedAmount;
      if (buffered > 0 && buffered < before) this.#expectEnd(buffered);
      else this.#end(LOST);
    }, CLOSE_TIMEOUT_MS);
  }

  /** @param {import("../carrier.js").End} end */
  #end(end) {
    if (this.#over) return;
    this.#over = true;
    this.#tidy();
    this.#events.onEnd(end);
  }

  #tidy() {
    this.#waiting = undefined;
    this.#platform.clearTimeout(this.#poll);
    this.#platform.clearTimeout(this.#closeTimer);
  }
}

/** `WebSocket.OPEN`. */
const OPEN = 1;

/** How soon, and at most how seldom, the buffer is looked at while a write waits. */
const FIRST_LOOK_MS = 1;
const LAST_LOOK_MS = 16;
