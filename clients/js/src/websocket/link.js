import { deferred } from "../deferred.js";
import { EMPTY, maySend } from "./close_info.js";
import { WebSocketError, webSocketError } from "./error.js";
import { LOST } from "./carrier.js";
import { Readable } from "./readable.js";
import { Writable } from "./writable.js";

/**
 * One connection, from the first try to its end: what carries it, and the two streams.
 *
 * @typedef {import("./carrier.js").Carrier} Carrier
 * @typedef {import("./carrier.js").CarrierEvents} CarrierEvents
 * @typedef {import("./carrier.js").End} End
 * @typedef {import("./close_info.js").CloseInfo} CloseInfo
 */
export class Link {
  /** @type {import("../deferred.js").Deferred<import("./stream.js").WebSocketOpenInfo>} */
  opened = deferred();
  /** @type {import("../deferred.js").Deferred<import("./close_info.js").WebSocketCloseInfo>} */
  closed = deferred();
  /** @type {"connecting" | "open" | "closing" | "closed"} */
  #state = "connecting";
  /** @type {import("./carrier.js").Carrier | undefined} */
  #carrier;
  /** @type {import("../deferred.js").Deferred<void>} */
  #ended = deferred();
  /** Whether a write still waited when the peer closed. */
  #hasLost = false;
  #readable;
  #writable;
  #signal;
  #onAbort = () => this.#giveUp(this.#signal?.reason, this.#signal?.reason);

  /**
   * @param {import("../platform.js").Platform} platform
   * @param {(events: CarrierEvents) => Carrier} carry begins to connect
   * @param {AbortSignal | undefined} signal
   */
  constructor(platform, carry, signal) {
    this.#signal = signal;
    this.#readable = new Readable({
      platform,
      onTaken: (chunk) => this.#carrier?.taken(chunk),
      onCancel: (reason) => this.close(infoOf(reason)),
    });
    this.#writable = new Writable({
      platform,
      // The streams are given out when there is a carrier.
      send: (data) => this.#carrier?.send(data),
      onClose: () => {
        this.close(EMPTY);
        return this.#ended.promise;
      },
      onAbort: (reason) => this.close(infoOf(reason)),
    });
    if (signal?.aborted) {
      this.#onAbort();
    } else {
      signal?.addEventListener("abort", this.#onAbort);
      this.#connect(carry);
    }
  }

  /** @param {CloseInfo} info */
  close(info) {
    if (this.#state === "connecting") {
      const why = "closed before it was open";
      this.#giveUp(webSocketError(why), webSocketError(why, LOST.closeCode));
    } else if (this.#state === "open") {
      this.#state = "closing";
      this.#carrier?.closing?.();
      this.#writable.finish(() => this.#carrier?.close(info), invalidState("the connection is closing"));
    }
  }

  /** @param {(events: CarrierEvents) => Carrier} carry */
  #connect(carry) {
    try {
      this.#carrier = carry({
        onOpen: (opened) => this.#open(opened),
        onMessage: (chunk) => this.#readable.push(chunk),
        onEnding: (isWaiting) => this.#peerEnds(isWaiting),
        onEnd: (end) => this.#end(end),
      });
    } catch (error) {
      // The runtime refuses to try, say a `ws:` on a page of `https:`: one more way not to get through.
      this.#failToOpen(error instanceof Error ? error.message : `${error}`);
    }
  }

  /** @param {{ protocol: string, extensions: string }} opened */
  #open({ protocol, extensions }) {
    if (this.#state !== "connecting") return;
    this.#state = "open";
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.opened.resolve({ readable: this.#readable.stream, writable: this.#writable.stream, protocol, extensions });
  }

  /**
   * The peer closes. A write that still waits then has failed, as it would have without credits. It is told so when
   * `closed` is, so that a page that looks at `closed` first finds nothing unhandled.
   *
   * @param {boolean} isWaiting
   */
  #peerEnds(isWaiting) {
    if (this.#state !== "open" || !isWaiting) return this.close(EMPTY);
    this.#hasLost = true;
    this.#state = "closing";
    this.#carrier?.close(EMPTY);
  }

  /** Ends what is not open yet. @param {unknown} opened @param {unknown} closed */
  #giveUp(opened, closed) {
    if (this.#state !== "connecting") return;
    this.#state = "closed";
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.opened.reject(opened);
    this.closed.reject(closed);
    this.#carrier?.fail();
  }

  /** @param {string} why */
  #failToOpen(why) {
    this.#giveUp(webSocketError(why), webSocketError(why, LOST.closeCode));
  }

  /** @param {End} end */
  #end({ isClean, isClose, closeCode, reason, resumed }) {
    // Pages are not told why, lest they probe what they may not see.
    if (this.#state === "connecting") return this.#failToOpen("the connection could not be opened");
    if (this.#state === "closed") return;
    this.#state = "closed";
    const wasSent = !this.#hasLost && !this.#writable.isBusy && !this.#writable.hasGivenUp;
    const error = isClean && wasSent ? undefined : uncleanError(isClose, closeCode, reason, resumed);
    this.#writable.fail(isClose ? invalidState("the connection is closed") : error);
    if (error) this.#ended.reject(error);
    else this.#ended.resolve();
    this.#readable.end(error).then(() => {
      if (error) this.closed.reject(error);
      else this.closed.resolve({ closeCode, code: closeCode, reason });
    });
  }
}

/** @param {boolean} isClose @param {number} closeCode @param {string} reason @param {false} [resumed] */
function uncleanError(isClose, closeCode, reason, resumed) {
  const message = isClose ? `closed with ${closeCode}, and messages were lost` : reason || "the connection was lost";
  return webSocketError(message, closeCode, reason, resumed);
}

/** @param {string} message */
function invalidState(message) {
  return new DOMException(message, "InvalidStateError");
}

/**
 * What to close with when a stream is cancelled or aborted with this. Codes that must not be sent come from the error
 * of another connection; then the Close is empty.
 *
 * @param {unknown} reason
 * @returns {CloseInfo}
 */
function infoOf(reason) {
  const { WebSocketError: Native } = /** @type {any} */ (globalThis);
  const isError = reason instanceof WebSocketError || (typeof Native === "function" && reason instanceof Native);
  if (!isError) return EMPTY;
  const { closeCode, reason: text } = /** @type {WebSocketError} */ (reason);
  return closeCode === null || !maySend(closeCode) ? EMPTY : { closeCode, reason: text };
}
