import { WebSocketError, WebSocketStream } from "/tidegate/index.js";

/**
 * The ways a page can take messages from a server that pushes as fast as it may. All handle one
 * message after the other at the same pace. They differ in who holds what is not handled yet.
 *
 * @typedef {object} Lane
 * @property {number} received bytes that have reached the page's code
 * @property {number} handled bytes the page is done with
 * @property {number} waiting messages that the page holds and has not handled
 * @property {Promise<void>} opened settles when the socket is open, rejects when it never was
 * @property {Promise<LaneEnd>} ended never rejects
 * @property {() => void} stop
 *
 * @typedef {"stopped" | "full" | "closed" | "lost"} LaneEnd stopped by the page, the page's limit
 *   reached, closed by the server, connection lost
 */

/** More than this piled up in the page may kill the tab. */
export const PAGE_LIMIT = 128 * 1024 * 1024;

/** Whether this browser has a WebSocketStream of its own. */
export const hasWebSocketStream = "WebSocketStream" in self;

/**
 * What a lane of streams needs of a WebSocketStream, the browser's or ours.
 * @typedef {object} Socket
 * @property {Promise<{ readable: ReadableStream<ArrayBuffer | Uint8Array | string> }>} opened
 * @property {Promise<unknown>} closed
 * @property {() => void} close
 */

/** Ours, over a classic WebSocket with credits, in any browser. @param {string} url @returns {Socket} */
export function openOurs(url) {
  return new WebSocketStream(url, { credits: true });
}

/** The browser's own. @param {string} url @returns {Socket} */
export function openNative(url) {
  return new /** @type {any} */ (self).WebSocketStream(url);
}

/** Slow work: `turn()` settles when the next message may count as handled. */
export class Pace {
  #next = 0;

  /** @param {{ perSecond: number }} speed may change while messages are handled */
  constructor(speed) {
    this.speed = speed;
  }

  async turn() {
    const now = performance.now();
    this.#next = Math.max(this.#next, now - LATE_MS) + 1000 / this.speed.perSecond;
    if (this.#next > now) await new Promise((resolve) => setTimeout(resolve, this.#next - now));
  }
}

/** A late timer may be made up for, but not by much. */
const LATE_MS = 100;

/**
 * The classic WebSocket hands over messages as they arrive, whether or not the handler of the
 * last one is done. They pile up here, as they do in the promises of a real page.
 * @implements {Lane}
 */
export class ClassicLane {
  received = 0;
  handled = 0;
  waiting = 0;
  /** @type {ArrayBuffer[]} */
  #piledUp = [];
  #handling = false;
  #socket;
  #end = /** @type {LaneEnd | undefined} */ (undefined);

  /**
   * @param {string} url
   * @param {Pace} pace
   */
  constructor(url, pace) {
    this.pace = pace;
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.#arrived(data);
    /** @type {Promise<void>} */
    this.opened = new Promise((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.addEventListener("close", () => reject(new Error("not opened")));
    });
    /** @type {Promise<LaneEnd>} */
    this.ended = new Promise((resolve) => {
      socket.addEventListener("close", ({ wasClean }) => {
        this.#end ??= wasClean ? "closed" : "lost";
        resolve(this.#end);
      });
    });
  }

  stop() {
    this.#finish("stopped");
  }

  /** @param {unknown} data */
  #arrived(data) {
    if (this.#end || !(data instanceof ArrayBuffer)) return;
    this.received += data.byteLength;
    this.#piledUp.push(data);
    this.waiting += 1;
    if (this.received - this.handled >= PAGE_LIMIT) this.#finish("full");
    else if (!this.#handling) this.#handleAll();
  }

  async #handleAll() {
    this.#handling = true;
    for (let message; !this.#end && (message = this.#piledUp[0]); ) {
      await this.pace.turn();
      if (this.#end) break;
      this.#piledUp.shift();
      this.waiting -= 1;
      this.handled += message.byteLength;
    }
    this.#handling = false;
  }

  /** @param {LaneEnd} end */
  #finish(end) {
    this.#end ??= end;
    this.#socket.close(1000, end);
    this.#piledUp = []; // lets the memory go; `waiting` still tells how much it was
  }
}

/**
 * WebSocketStream gives a message when the page asks for it. Until then it stays on the way, and
 * once the way is full the server has to wait.
 * @implements {Lane}
 */
export class StreamLane {
  received = 0;
  handled = 0;
  waiting = 0;
  #socket;
  #reader = /** @type {ReadableStreamDefaultReader<ArrayBuffer | Uint8Array | string> | undefined} */ (undefined);
  #stopped = false;

  /**
   * @param {Socket} socket
   * @param {Pace} pace
   */
  constructor(socket, pace) {
    this.pace = pace;
    this.#socket = socket;
    this.#socket.closed.catch(() => {}); // the reading loop sees the same error
    /** @type {Promise<void>} */
    this.opened = this.#socket.opened.then(() => {});
    /** @type {Promise<LaneEnd>} */
    this.ended = this.#readAll().then(
      () => (this.#stopped ? "stopped" : "closed"),
      () => (this.#stopped ? "stopped" : "lost"),
    );
  }

  /** Safe in every Chromium, because this page never writes: nothing is in flight that way. */
  stop() {
    if (this.#stopped) return;
    this.#stopped = true;
    if (!this.#reader) return this.#socket.close();
    const info = { closeCode: 1000, reason: "stopped" };
    const isOurs = this.#socket instanceof WebSocketStream;
    const Reason = isOurs ? WebSocketError : /** @type {any} */ (self).WebSocketError;
    this.#reader.cancel(new Reason("", info)).catch(() => {});
  }

  async #readAll() {
    const { readable } = await this.#socket.opened;
    const reader = readable.getReader();
    this.#reader = reader;
    for (;;) {
      const { value, done } = await reader.read();
      if (done || this.#stopped) return;
      if (typeof value === "string") continue;
      this.received += value.byteLength;
      this.waiting = 1;
      await this.pace.turn();
      if (this.#stopped) return;
      this.handled += value.byteLength;
      this.waiting = 0;
    }
  }
}
