import { closeInfoOf } from "./close_info.js";
import { Link } from "./link.js";
import { OURS, platformWith } from "../platform.js";
import { protocolsOf } from "./protocols.js";
import { resolveUrl } from "./url.js";

/**
 * @typedef {object} WebSocketStreamOptions
 * @property {Iterable<string>} [protocols] subprotocols to offer, the best first; if there are any, the server must
 *   select one
 * @property {AbortSignal} [signal] gives up a connection that is not open yet; later it has no effect
 * @property {boolean} [native] whether the runtime's own WebSocketStream may carry the connection, where it has one
 * @property {Partial<import("../platform.js").Platform>} [platform] what to use in place of the runtime's own
 *
 * @typedef {object} WebSocketOpenInfo
 * @property {ReadableStream<import("./chunk.js").Chunk>} readable
 * @property {WritableStream<import("./chunk.js").Writes>} writable
 * @property {string} protocol the subprotocol that was selected; empty without one
 * @property {string} extensions the extensions in use, as in the header; empty without any
 */

/** A WebSocket whose messages are read and written with backpressure. */
export class WebSocketStream {
  static get [OURS]() {
    return true;
  }

  #url;
  #link;

  /**
   * Connects.
   *
   * @param {string | URL} url of ws, wss, http or https, without a fragment; relative to the page
   * @param {WebSocketStreamOptions} [options]
   * @throws {TypeError | DOMException} a `SyntaxError` for a bad URL or bad protocols
   */
  constructor(url, options) {
    if (arguments.length === 0) throw new TypeError("a URL is needed");
    const { protocols, signal, native, platform } = readOptions(options);
    this.#url = resolveUrl(url);
    const request = { url: this.#url, protocols: protocolsOf(protocols), native, platform: platformWith(platform) };
    this.#link = new Link(request, signal);
  }

  /** Where it connects to, with the scheme ws or wss. */
  get url() {
    return this.#url;
  }

  /** Settles when the connection is open, or will not be. */
  get opened() {
    return this.#link.opened.promise;
  }

  /** The same, by its name of 2020. */
  get connection() {
    return this.#link.opened.promise;
  }

  /**
   * Settles when the connection has ended and the reader, where there is one, has read what came before: with the
   * peer's code and reason if it ended cleanly, else with a `WebSocketError`.
   */
  get closed() {
    return this.#link.closed.promise;
  }

  /**
   * Closes: what was written before is sent first. Does nothing when it is closing or closed already; gives up what
   * is not open yet.
   *
   * @param {import("./close_info.js").WebSocketCloseOptions} [info]
   * @throws {TypeError | DOMException} an `InvalidAccessError` for a code that may not be sent, a `SyntaxError` for a
   *   reason that is too long; in every state
   */
  close(info) {
    this.#link.close(closeInfoOf(info));
  }
}

/** @param {unknown} given @returns {WebSocketStreamOptions} */
function readOptions(given) {
  if (given === undefined || given === null) return {};
  if (typeof given !== "object" && typeof given !== "function") throw new TypeError("options must be an object");
  const options = /** @type {WebSocketStreamOptions} */ (given);
  const { signal } = options;
  const isSignal = signal !== null && typeof signal === "object" && "aborted" in signal;
  if (signal !== undefined && !isSignal) throw new TypeError("signal must be an AbortSignal");
  return options;
}
