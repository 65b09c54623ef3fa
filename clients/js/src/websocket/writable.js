import { dataOf } from "./chunk.js";
import { deferred } from "../deferred.js";

/**
 * The `WritableStream` that the application writes to, and what is known of the writes in it.
 *
 * A `WritableStream` gives its sink one chunk at a time and tells nobody how many wait behind it. They are counted
 * here (`size` is asked at each `write`), so that what was written before `close` can be told from what came after.
 */
export class Writable {
  /** @type {WritableStream<import("./chunk.js").Writes>} */
  stream;
  #asked = 0;
  #done = 0;
  /** The write that the sink has. @type {import("../deferred.js").Deferred<void> | undefined} */
  #inFlight;
  /** @type {{ error: unknown } | undefined} */
  #failed;
  /** What runs once every write that was there when `finish` was called is done. @type {(() => void) | undefined} */
  #finishing;
  #finishAt = 0;
  #isClosing = false;
  /** @type {any} */
  #timer;
  /** @type {WritableStreamDefaultController | undefined} */
  #controller;
  #platform;
  #send;
  /** Whether writes were given up because they took too long. */
  hasGivenUp = false;

  /**
   * @param {object} given
   * @param {import("../platform.js").Platform} given.platform
   * @param {(data: string | Uint8Array) => void | Promise<void>} given.send settles when there is room for the next
   * @param {() => Promise<void>} given.onClose closes the connection; settles when that is done
   * @param {(reason: unknown) => void} given.onAbort
   */
  constructor({ platform, send, onClose, onAbort }) {
    this.#platform = platform;
    this.#send = send;
    const sink = {
      start: (/** @type {WritableStreamDefaultController} */ controller) => this.#start(controller),
      write: (/** @type {unknown} */ chunk) => this.#write(chunk),
      close: () => {
        this.#isClosing = true;
        return onClose();
      },
      abort: (/** @type {unknown} */ reason) => {
        this.#failed = { error: reason };
        this.#finished();
        onAbort(reason);
      },
    };
    const size = () => {
      this.#asked += 1;
      return 1;
    };
    this.stream = new WritableStream(sink, { highWaterMark: 1, size });
  }

  /** Whether a write has been asked for and is not done. */
  get isBusy() {
    return !this.#failed && this.#done < this.#asked;
  }

  /**
   * Takes no more writes, and runs `then` when those that were asked for are done: at once if there are none, and at
   * the latest when none of them gets on for a while.
   *
   * @param {() => void} then
   * @param {unknown} error what later writes fail with
   */
  finish(then, error) {
    this.#finishAt = this.#asked;
    this.#finishing = () => {
      if (!this.#isClosing) this.#fail(error);
      then();
    };
    if (this.isBusy) this.#bePatient(error, FINISH_AT_MOST_MS);
    else this.#finished();
  }

  /** No write succeeds any more, neither the one in flight nor a later one. @param {unknown} error */
  fail(error) {
    this.#fail(error);
    this.#platform.clearTimeout(this.#timer);
    this.#finishing = undefined;
  }

  /** @param {unknown} error */
  #fail(error) {
    if (this.#failed) return;
    this.#failed = { error };
    this.#inFlight?.reject(error);
    if (!this.#isClosing) this.#controller?.error(error);
  }

  /** @param {WritableStreamDefaultController} controller */
  #start(controller) {
    this.#controller = controller;
    // A stream that is aborted waits for the write in flight, which may wait for ever.
    controller.signal?.addEventListener("abort", () => this.#inFlight?.reject(controller.signal.reason));
  }

  /** @param {unknown} chunk */
  #write(chunk) {
    if (this.#failed) throw this.#failed.error;
    let sent;
    try {
      const data = dataOf(chunk);
      sent = data instanceof Promise ? data.then((bytes) => this.#send(bytes)) : this.#send(data);
    } catch (error) {
      this.#settled();
      throw error;
    }
    if (sent) return this.#await(sent);
    this.#settled();
    return undefined;
  }

  /** @param {Promise<void>} sent */
  async #await(sent) {
    const inFlight = /** @type {import("../deferred.js").Deferred<void>} */ (deferred());
    this.#inFlight = inFlight;
    sent.then(inFlight.resolve, inFlight.reject);
    try {
      await inFlight.promise;
    } finally {
      this.#inFlight = undefined;
      this.#settled();
    }
  }

  #settled() {
    this.#done += 1;
    if (this.#finishing && this.#done >= this.#finishAt) this.#finished();
  }

  /** @param {unknown} error @param {number} left */
  #bePatient(error, left) {
    const before = this.#done;
    this.#timer = this.#platform.setTimeout(() => {
      if (this.#done > before && left > PATIENCE_MS) return this.#bePatient(error, left - PATIENCE_MS);
      this.hasGivenUp = true;
      this.#fail(error);
      this.#finished();
    }, PATIENCE_MS);
  }

  #finished() {
    this.#platform.clearTimeout(this.#timer);
    const then = this.#finishing;
    this.#finishing = undefined;
    then?.();
  }
}

/** How long a closing connection waits for a write that does not get on, and for all of them. */
const PATIENCE_MS = 10_000;
const FINISH_AT_MOST_MS = 60_000;
