import { FRAMES_TYPE } from "./attachment.js";
import { Backoff } from "./backoff.js";
import { AS_WEBSOCKET, overHttp, refusalOf, withParameters } from "./request.js";

/**
 * The client's flow by POST, for the transports that carry only the server's (docs/sessions.md, section 4): one request
 * at a time, from where the server is. What an answer was lost of goes again, and is skipped there.
 *
 * @typedef {object} PostEvents
 * @property {() => void} onPosted the server has taken something
 * @property {(status?: number) => void} onGone the session is not there any more, or is not what it was; or what is sent is
 *   refused for good, by this answer
 */
export class Poster {
  #session;
  #url;
  #platform;
  #events;
  #backoff;
  #isOn = false;
  /** @type {AbortController | undefined} */
  #inFlight;
  /** Until the last request is answered, or given up. @type {Promise<void>} */
  #answer = Promise.resolve();
  /** @type {any} */
  #timer;
  /** The most that a body has: less where something on the way takes less. */
  #most = MAX_BYTES;
  /** Since when what may be something on the way does nothing but refuse. @type {number | undefined} */
  #refusedSince;

  /**
   * @param {import("../session/machine.js").Session} session
   * @param {{ url: string, platform: import("../platform.js").Platform, random?: () => number }} where
   * @param {PostEvents} events
   */
  constructor(session, { url, platform, random }, events) {
    this.#session = session;
    this.#url = overHttp(url);
    this.#platform = platform;
    this.#events = events;
    this.#backoff = new Backoff(random);
  }

  /** From now on the client's frames go by POST. The server has just been heard, so no try waits any longer. */
  start() {
    this.#isOn = true;
    this.hurry();
    this.wake();
  }

  /**
   * They do not any more. A request in flight is given up, and what it would be answered does not count: a WebSocket
   * counts from where it was attached.
   */
  stop() {
    this.#isOn = false;
    this.#clear();
    this.#inFlight?.abort();
    this.#inFlight = undefined;
  }

  /** Tries at once, where it waits to try again. */
  hurry() {
    if (this.#timer === undefined) return;
    this.#clear();
    this.#backoff.reset();
    this.wake();
  }

  /** Sends what there is to send, unless it is at that. */
  wake() {
    const { replay, owedBytes } = this.#session;
    const isNeeded = !replay.isEmpty || owedBytes >= ACK_BYTES;
    if (this.#isOn && !this.#inFlight && this.#timer === undefined && isNeeded) this.#answer = this.#post();
  }

  /** The request that is in flight, if one is: until it is answered. @returns {Promise<void> | undefined} */
  get inFlight() {
    return this.#inFlight && this.#answer;
  }

  /** The page is going away: one last request, which outlives it. */
  farewell() {
    this.stop();
    const { bytes } = this.#session.replay.body(KEEPALIVE_BYTES);
    const isShort = bytes.length <= KEEPALIVE_BYTES;
    this.#request(isShort ? bytes : new Uint8Array(), { keepalive: true }).catch(() => {});
  }

  async #post() {
    const { replay } = this.#session;
    const from = replay.acknowledged;
    const { bytes, count } = replay.body(this.#most);
    const position = this.#session.position();
    const abort = new AbortController();
    this.#inFlight = abort;
    const timer = this.#platform.setTimeout(() => abort.abort(), ANSWER_MS);
    let delay = 0;
    try {
      const response = await this.#request(bytes, { signal: abort.signal });
      response.body?.cancel().catch(() => {});
      if (this.#inFlight === abort) delay = this.#answered(response, { from, count, bytes, position });
    } catch {
      if (this.#inFlight === abort) delay = this.#lost();
    }
    this.#platform.clearTimeout(timer);
    if (this.#inFlight !== abort) return;
    this.#inFlight = undefined;
    if (!this.#isOn) return;
    if (delay > 0) this.#again(delay);
    else this.wake();
  }

  /** @param {Uint8Array<ArrayBuffer>} body @param {RequestInit} more */
  #request(body, more) {
    const { id, received, replay } = this.#session;
    const url = withParameters(this.#url, { session: id, from: replay.acknowledged, received });
    const headers = { "content-type": FRAMES_TYPE };
    return this.#platform.fetch(url, { ...AS_WEBSOCKET, method: "POST", headers, body, ...more });
  }

  /**
   * @param {Response} response
   * @param {{ from: number, count: number, bytes: Uint8Array, position: { received: number, bytes: number } }} sent
   * @returns {number} how long to wait before the next
   */
  #answered(response, { from, count, bytes, position }) {
    const { pushed } = this.#session.replay;
    const said = response.headers.get(POSITION);
    const { status, isLost, retryAfterMs } = refusalOf(response);
    if (isLost) return this.#gone();
    // Where a page may not read the position, it still sees a 204. No other answer without one says that it was taken:
    // a captive portal says 200 to everything.
    const isTaken = said === null ? status === 204 : response.ok;
    const has = said === null ? (isTaken ? from + count : from) : Number(said);
    // It has lost what it had acknowledged, or has what was never sent: it is another session.
    const isSame = Number.isSafeInteger(has) && has >= from && has <= pushed;
    if (!isSame) return this.#gone();
    this.#session.acknowledged(has);
    if (isTaken) {
      this.#session.told(position);
      this.#backoff.reset();
      this.#refusedSince = undefined;
      this.#events.onPosted();
      return has > from || count === 0 ? 0 : this.#backoff.next();
    }
    if (status === 413 && count > 1) {
      this.#most = bytes.length / 2;
      return 0;
    }
    if (!REFUSALS.has(status)) this.#refusedSince = undefined;
    else if (said !== null || this.#isRefusedForLong()) return this.#gone(status);
    if (retryAfterMs !== undefined) return Math.max(retryAfterMs, 1);
    const isFirst = this.#backoff.tries === 0;
    const wait = this.#backoff.next();
    // A gateway whose server is just coming back; or the server tells from where to go on.
    return isFirst && (status === 502 || status === 409) ? 0 : wait;
  }

  /** A firewall or a proxy that refuses what the server would take may come to its senses, while the session is kept. */
  #isRefusedForLong() {
    const now = this.#platform.now();
    this.#refusedSince ??= now;
    return now - this.#refusedSince >= this.#session.keepMs;
  }

  #lost() {
    this.#refusedSince = undefined;
    return this.#backoff.next();
  }

  /** @param {number} [status] */
  #gone(status) {
    this.#isOn = false;
    this.#events.onGone(status);
    return 0;
  }

  /** @param {number} delay */
  #again(delay) {
    this.#timer = this.#platform.setTimeout(() => {
      this.#timer = undefined;
      this.wake();
    }, delay);
  }

  #clear() {
    this.#platform.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

const POSITION = "tidegate-position";

/** The longest body of a POST, and of one that outlives its page (Fetch, section 4.6: 64 KiB). */
const MAX_BYTES = 262_144;
const KEEPALIVE_BYTES = 60_000;

/** What is final, if the server says it. */
const REFUSALS = new Set([400, 401, 403, 405, 413, 414, 415, 431]);

/** So much that came is acknowledged by a POST of its own. */
export const ACK_BYTES = 65_536;

/** A server that has no room holds a POST for 20 s. */
const ANSWER_MS = 40_000;
