import { closeInfoOf } from "./websocket/close_info.js";
import { connectionOptionsOf } from "./connection/options.js";
import { Link } from "./websocket/link.js";
import { OverSession } from "./connection/over_session.js";
import { resolveUrl } from "./websocket/url.js";
import { startingAnew } from "./connection/again.js";

/**
 * A conversation with a Tidegate server that outlives what carries it: a WebSocket, an HTTP stream, an event stream,
 * long polling or polling, whatever works now. It is read, written and closed as a `WebSocketStream`; what was written
 * arrives once and in order, or `closed` tells that this is not known.
 */
export class Connection {
  #url;
  #link;
  /** @type {TransportName | ""} */
  #transport = "";

  /**
   * Connects.
   *
   * @param {string | URL} url of ws, wss, http or https, without a fragment; relative to the page
   * @param {import("./connection/options.js").ConnectionOptions} [options]
   * @throws {TypeError | DOMException} a `SyntaxError` for a bad URL or bad protocols
   */
  constructor(url, options) {
    if (arguments.length === 0) throw new TypeError("a URL is needed");
    const { choices, signal } = connectionOptionsOf(options);
    this.#url = resolveUrl(url);
    const request = { ...choices, url: this.#url, onTransport: this.#carriedBy(choices.onTransport) };
    this.#link = new Link(choices.platform, (events) => new OverSession(request, events), signal);
  }

  /**
   * Connects again and again: gives each connection that opens, and when that has ended other than by a clean close,
   * the next one, after a while. Each is a conversation of its own, so what an application has to say at the beginning
   * it says each time. Ends when one ends cleanly, when `signal` is aborted, or when the loop is left, which closes.
   *
   * @param {string | URL} url
   * @param {import("./connection/options.js").ConnectionOptions} [options]
   * @returns {AsyncGenerator<import("./connection/again.js").Again, void, void>}
   */
  static again(url, options) {
    return startingAnew(() => new Connection(url, options), options);
  }

  /** Where it connects to, with the scheme ws or wss. */
  get url() {
    return this.#url;
  }

  /** What carries it now; empty when nothing does, as before it is open. */
  get transport() {
    return this.#transport;
  }

  /** Settles when the connection is open, or will not be: then nothing that was tried has led to the server. */
  get opened() {
    return this.#link.opened.promise;
  }

  /** The same, by its name of 2020. */
  get connection() {
    return this.#link.opened.promise;
  }

  /**
   * Settles when the connection has ended and the reader, where there is one, has read what came before: with the
   * peer's code and reason if it ended cleanly, else with a `WebSocketError`, whose `resumed` is false when the server
   * does not know the session any more.
   */
  get closed() {
    return this.#link.closed.promise;
  }

  /**
   * Closes: what was written before is sent first. Does nothing when it is closing or closed already; gives up what
   * is not open yet.
   *
   * @param {import("./websocket/close_info.js").WebSocketCloseOptions} [info]
   * @throws {TypeError | DOMException} an `InvalidAccessError` for a code that may not be sent, a `SyntaxError` for a
   *   reason that is too long; in every state
   */
  close(info) {
    this.#link.close(closeInfoOf(info));
  }

  /** @param {(transport: TransportName | "") => void} tell */
  #carriedBy(tell) {
    return (/** @type {TransportName | ""} */ transport) => {
      if (transport === this.#transport) return;
      this.#transport = transport;
      tell(transport);
    };
  }
}

export { WebSocketError } from "./websocket/error.js";

/**
 * @typedef {import("./connection/options.js").ConnectionOptions} ConnectionOptions
 * @typedef {import("./transport/names.js").TransportName} TransportName
 */
