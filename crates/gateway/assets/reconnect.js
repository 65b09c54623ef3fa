/**
 * A classic WebSocket that comes back after a loss, with jittered exponential backoff.
 *
 * @typedef {"connecting" | "open" | "waiting"} LinkState
 * @typedef {object} LinkEvents
 * @property {(state: LinkState, seconds: number) => void} onState `seconds` until the next try when waiting
 * @property {(text: string) => void} onText
 */

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;
/** An opening handshake that takes longer than this counts as lost. */
const OPENING_LIMIT_MS = 10_000;
/** A connection that stood this long resets the backoff. */
const STABLE_MS = 5_000;

export class ReconnectingSocket {
  /** @type {WebSocket | undefined} */
  #socket;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #attempt = 0;
  #retryAt = 0;
  #openedAt = 0;
  #ending = new AbortController();

  /**
   * @param {string} url
   * @param {LinkEvents} events
   */
  constructor(url, events) {
    this.url = url;
    this.events = events;
    const { signal } = this.#ending;
    window.addEventListener("online", () => this.#retryNow(), { signal });
    window.addEventListener("pageshow", () => this.#retryNow(), { signal });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#retryNow();
    }, { signal });
    this.#connect();
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /**
   * @param {string} text
   * @returns {boolean} whether the socket took it
   */
  send(text) {
    if (!this.#socket || !this.isOpen) return false;
    this.#socket.send(text);
    return true;
  }

  /** Ends it for good; nothing more is told. */
  close() {
    this.#ending.abort();
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  #connect() {
    clearTimeout(this.#timer);
    this.events.onState("connecting", 0);
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    const limit = setTimeout(() => socket.close(), OPENING_LIMIT_MS);
    socket.onopen = () => {
      clearTimeout(limit);
      if (this.#ending.signal.aborted) return;
      this.#openedAt = Date.now();
      this.events.onState("open", 0);
    };
    socket.onmessage = ({ data }) => {
      if (typeof data === "string" && !this.#ending.signal.aborted) this.events.onText(data);
    };
    socket.onclose = () => {
      clearTimeout(limit);
      if (!this.#ending.signal.aborted) this.#wait();
    };
  }

  #wait() {
    this.#socket = undefined;
    if (this.#openedAt && Date.now() - this.#openedAt > STABLE_MS) this.#attempt = 0;
    this.#openedAt = 0;
    const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#attempt);
    this.#attempt += 1;
    this.#retryAt = Date.now() + ceiling * (0.5 + Math.random() / 2);
    this.#countDown();
  }

  #countDown() {
    const left = this.#retryAt - Date.now();
    if (left <= 0) return this.#connect();
    this.events.onState("waiting", Math.ceil(left / 1000));
    this.#timer = setTimeout(() => this.#countDown(), Math.min(left, 1000));
  }

  #retryNow() {
    if (!this.#socket) this.#connect();
  }
}
