import { validated } from "./close_info.js";

/** Set by a static block of the class, which alone may fill its private fields. */
/** @type {(message: string, closeCode: number | null, reason: string, resumed?: false) => WebSocketError} */
let make;

/**
 * Why a connection did not open or did not end cleanly; and, given to `writable.abort` or `readable.cancel`, what to
 * close with.
 */
export class WebSocketError extends DOMException {
  /** @type {number | null} */
  #closeCode;
  #reason;
  /** @type {false | undefined} */
  #resumed;

  static {
    make = (message, closeCode, reason, resumed) => {
      const error = new WebSocketError(message);
      error.#closeCode = closeCode;
      error.#reason = reason;
      error.#resumed = resumed;
      return error;
    };
  }

  /**
   * @param {string} [message]
   * @param {import("./close_info.js").WebSocketCloseOptions} [init] validated as for `close`
   */
  constructor(message = "", init = {}) {
    super(`${message}`, "WebSocketError");
    if (init !== null && typeof init !== "object" && typeof init !== "function") {
      throw new TypeError("the second argument must be an object");
    }
    const { closeCode, reason } = validated(init?.closeCode, init?.reason);
    this.#closeCode = closeCode;
    this.#reason = reason;
  }

  /** The code of the Close; null without one. */
  get closeCode() {
    return this.#closeCode;
  }

  /** The reason of the Close. */
  get reason() {
    return this.#reason;
  }

  /**
   * False where a `Connection` could not resume its session: what was written last may have arrived or not, and what
   * comes next is another conversation. Undefined else.
   */
  get resumed() {
    return this.#resumed;
  }
}

/**
 * An error with any code, those among them that an application may not send.
 *
 * @param {string} message
 * @param {number | null} closeCode
 * @param {string} reason
 * @param {false} [resumed]
 * @internal
 */
export function webSocketError(message, closeCode = null, reason = "", resumed) {
  return make(message, closeCode, reason, resumed);
}
