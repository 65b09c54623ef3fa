import { carry } from "./choice.js";
import { closeInfoOf } from "./close_info.js";
import { Link } from "./link.js";
import { optionsOf } from "./options.js";
import { OURS } from "../platform.js";
import { resolveUrl } from "./url.js";

/**
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
   * @param {import("./options.js").WebSocketStreamOptions} [options]
   * @throws {TypeError | DOMException} a `SyntaxError` for a bad URL or bad protocols
   */
  constructor(url, options) {
    if (arguments.length === 0) throw new TypeError("a URL is needed");
    const { choices, signal } = optionsOf(options);
    this.#url = resolveUrl(url);
    const request = { ...choices, url: this.#url };
    this.#link = new Link(request.platform, (events) => carry(request, events), signal);
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
