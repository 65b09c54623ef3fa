import { CLOSE_TIMEOUT_MS, LOST } from "../carrier.js";
import { Outlet } from "../outlet.js";

/**
 * A classic WebSocket. What is sent waits while more than the high water mark is buffered. What comes cannot wait:
 * the classic API hands it over as it arrives, and it piles up in the page until it is read.
 *
 * @implements {Carrier}
 * @typedef {import("../carrier.js").Carrier} Carrier
 */
export class Classic {
  #socket;
  #outlet;
  #platform;
  #events;
  #over = false;
  /** @type {any} */
  #timer;

  /**
   * @param {WebSocket} socket
   * @param {import("../../platform.js").Platform} platform
   * @param {import("../carrier.js").CarrierEvents} events
   */
  constructor(socket, platform, events) {
    this.#socket = socket;
    this.#outlet = new Outlet(socket, platform);
    this.#platform = platform;
    this.#events = events;
  }

  opened() {
    const { protocol, extensions } = this.#socket;
    this.#events.onOpen({ protocol, extensions: extensions ?? "" });
  }

  /** @param {string | ArrayBuffer} data */
  received(data) {
    if (this.#over) return;
    this.#events.onMessage(typeof data === "string" ? data : new Uint8Array(data));
    this.#outlet.look();
  }

  /** The WebSocket has. @param {import("../carrier.js").End} end */
  ended(end) {
    if (this.#over) return;
    this.#over = true;
    this.#tidy();
    this.#events.onEnd(end);
  }

  /** @param {string | Uint8Array} data */
  send(data) {
    this.#outlet.send(data);
    if (this.#outlet.hasRoom) return undefined;
    return new Promise((/** @type {(value?: undefined) => void} */ resolve) => this.#outlet.whenRoom(resolve));
  }

  /** Nothing can be done about what comes. @param {import("../chunk.js").Chunk} _chunk */
  taken(_chunk) {}

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

  /**
   * A peer that does not answer our Close must not hold the connection for ever, unless it still takes data.
   *
   * @param {number} before what was buffered when this was last looked at
   */
  #expectEnd(before) {
    this.#timer = this.#platform.setTimeout(() => {
      const buffered = this.#socket.bufferedAmount;
      if (buffered > 0 && buffered < before) this.#expectEnd(buffered);
      else this.ended(LOST);
    }, CLOSE_TIMEOUT_MS);
  }

  #tidy() {
    this.#outlet.stop();
    this.#platform.clearTimeout(this.#timer);
  }
}
