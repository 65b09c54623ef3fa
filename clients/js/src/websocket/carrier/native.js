import { CLOSE_TIMEOUT_MS, LOST } from "../carrier.js";
import { payloadBytes } from "../chunk.js";

/**
 * The runtime's own WebSocketStream, which is Chromium's, behind guards. Measured in Chromium 150 and 156:
 *
 * - The tab crashes when `close` or `cancel` meets a write in flight. So there is never more than one write inside,
 *   and the connection is closed only once that has settled; a write that does not settle is aborted.
 * - Messages that the page has not read when the peer's Close comes are dropped, and the close is called clean. So
 *   messages are read ahead, as far as the budget goes; if a Close finds the budget used up, messages may be missing,
 *   and the end is not called clean.
 *
 * One hazard is left: the tab also crashes when the connection is lost during a write.
 *
 * @implements {Carrier}
 * @typedef {import("../carrier.js").Carrier} Carrier
 */
export class Native {
  #platform;
  #events;
  #socket;
  /** @type {WritableStreamDefaultWriter<string | Uint8Array> | undefined} */
  #writer;
  /** The write inside, until it has settled. @type {Promise<void> | undefined} */
  #inFlight;
  #ahead = 0;
  /** Goes on reading. @type {(() => void) | undefined} */
  #resume;
  #over = false;
  #isClosing = false;
  /** Whether a Close may have found messages that were not read. */
  #mayHaveLost = false;

  /**
   * @param {import("../carrier.js").CarrierRequest} request
   * @param {import("../carrier.js").CarrierEvents} events
   */
  constructor({ url, protocols, platform }, events) {
    this.#platform = platform;
    this.#events = events;
    const Socket = /** @type {import("../../platform.js").NativeClass} */ (platform.WebSocketStream);
    this.#socket = new Socket(url, protocols.length > 0 ? { protocols } : {});
    const reading = this.#socket.opened.then(
      (opened) => this.#open(opened),
      () => {},
    );
    this.#socket.closed.then(
      (info) => this.#end(info, true, reading),
      (error) => this.#end(error, false, reading),
    );
  }

  /** @param {string | Uint8Array} data */
  send(data) {
    // A write that was given up may still be inside.
    return this.#inFlight ? this.#inFlight.then(() => this.#write(data)) : this.#write(data);
  }

  /** @param {import("../chunk.js").Chunk} chunk */
  taken(chunk) {
    this.#ahead -= costOf(chunk);
    if (this.#ahead < READ_AHEAD_BYTES) this.#resume?.();
  }

  /** @param {import("../close_info.js").CloseInfo} info */
  close(info) {
    this.#isClosing = true;
    if (!this.#inFlight) return this.#closeNow(info);
    const timer = this.#platform.setTimeout(() => this.#giveUpWrite(info), CLOSE_TIMEOUT_MS);
    this.#inFlight.then(() => {
      this.#platform.clearTimeout(timer);
      this.#closeNow(info);
    });
  }

  fail() {
    this.#over = true;
    // Safe: a write can only be in flight on an open connection, and that is not failed.
    this.#socket.close({});
  }

  /** @param {string | Uint8Array} data is copied at once @returns {Promise<void>} */
  async #write(data) {
    if (this.#over || !this.#writer) return never();
    // A write at the end of a connection fails with what `onEnd` tells, so it settles there.
    const inFlight = this.#writer.write(data).catch(never);
    this.#inFlight = inFlight;
    await inFlight;
    if (this.#inFlight === inFlight) this.#inFlight = undefined;
    return undefined;
  }

  /** @param {import("../close_info.js").CloseInfo} info */
  #closeNow({ closeCode, reason }) {
    if (this.#over) return;
    this.#socket.close(closeCode === null ? {} : { closeCode, reason });
  }

  /**
   * Aborting is the one thing that a write in flight stands.
   *
   * @param {import("../close_info.js").CloseInfo} info
   */
  #giveUpWrite({ closeCode, reason }) {
    const { WebSocketError } = /** @type {any} */ (globalThis);
    const error = closeCode !== null && WebSocketError ? new WebSocketError("", { closeCode, reason }) : undefined;
    this.#writer?.abort(error).catch(() => {});
  }

  /** @param {import("../../platform.js").NativeOpened} opened */
  async #open({ readable, writable, protocol, extensions }) {
    this.#writer = writable.getWriter();
    this.#writer.closed.catch(() => {});
    this.#events.onOpen({ protocol, extensions });
    const reader = readable.getReader();
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done || this.#over) return;
        const chunk = value instanceof ArrayBuffer ? new Uint8Array(value) : value;
        this.#ahead += costOf(chunk);
        this.#events.onMessage(chunk);
        if (this.#ahead >= READ_AHEAD_BYTES) await this.#pause();
      }
    } catch {
      // `closed` tells.
    }
  }

  /** Until there is room to read ahead, or nothing comes any more. @returns {Promise<void>} */
  #pause() {
    return new Promise((resolve) => {
      this.#resume = () => {
        this.#resume = undefined;
        resolve();
      };
    });
  }

  /**
   * @param {{ closeCode: number | null, reason: string }} info
   * @param {boolean} wasClean
   * @param {Promise<void>} reading
   */
  async #end({ closeCode, reason }, wasClean, reading) {
    if (this.#resume) {
      this.#mayHaveLost = !this.#isClosing;
      this.#resume();
    }
    await reading;
    if (this.#over) return;
    this.#over = true;
    const code = closeCode ?? LOST.closeCode;
    const isClose = code !== LOST.closeCode;
    this.#events.onEnd({ isClean: wasClean && !this.#mayHaveLost, isClose, closeCode: code, reason });
  }
}

/** How far ahead of the reader messages are read: what a page may hold, and what a Close cannot take from it. */
const READ_AHEAD_BYTES = 256 * 1024;

/** What holding a message costs beyond its payload. */
const MESSAGE_COST = 32;

/** @param {import("../chunk.js").Chunk} chunk */
function costOf(chunk) {
  return payloadBytes(chunk) + MESSAGE_COST;
}

/** @returns {Promise<undefined>} */
function never() {
  return new Promise(() => {});
}
