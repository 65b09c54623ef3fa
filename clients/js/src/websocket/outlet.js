/** How much may wait in the socket before a write waits. */
export const HIGH_WATER_MARK = 64 * 1024;

/**
 * Where a classic WebSocket's data goes out. It tells when there is room again, which the classic API does not: its
 * buffer has to be looked at.
 */
export class Outlet {
  #socket;
  #platform;
  /** @type {(() => void) | undefined} */
  #then;
  /** @type {any} */
  #timer;

  /** @param {WebSocket} socket @param {import("../platform.js").Platform} platform */
  constructor(socket, platform) {
    this.#socket = socket;
    this.#platform = platform;
  }

  /** Once the peer closes, what is buffered is lost; then there is no room any more. */
  get hasRoom() {
    return this.#socket.readyState === OPEN && this.#socket.bufferedAmount < HIGH_WATER_MARK;
  }

  /** Whether what was sent is out of our hands, as far as can be known. */
  get isThrough() {
    return true;
  }

  /** @param {string | Uint8Array} data is copied */
  send(data) {
    this.#socket.send(/** @type {string | Uint8Array<ArrayBuffer>} */ (data));
  }

  /** Runs `then` when there is room. Only the last one that was given runs. @param {() => void} then */
  whenRoom(then) {
    const isLooking = this.#then !== undefined;
    this.#then = then;
    if (!isLooking) this.#lookIn(FIRST_LOOK_MS);
  }

  /** Now is a time to look: timers of hidden pages are slow, messages are not. */
  look() {
    const then = this.#then;
    if (!then || !this.hasRoom) return;
    this.stop();
    then();
  }

  /** Looks no more. */
  stop() {
    this.#then = undefined;
    this.#platform.clearTimeout(this.#timer);
  }

  /** @param {number} milliseconds */
  #lookIn(milliseconds) {
    this.#timer = this.#platform.setTimeout(() => {
      this.look();
      if (this.#then && !this.hasRoom) this.#lookIn(Math.min(2 * milliseconds, LAST_LOOK_MS));
    }, milliseconds);
  }
}

/** `WebSocket.OPEN`. */
const OPEN = 1;

/** How soon, and at most how seldom, the buffer is looked at. */
const FIRST_LOOK_MS = 1;
const LAST_LOOK_MS = 16;
