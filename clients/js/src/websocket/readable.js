/** @typedef {import("./chunk.js").Chunk} Chunk */

/**
 * What came and has not been read: a queue, and the `ReadableStream` that the application reads it from.
 *
 * The stream has the high water mark of the specification, one message. So a message counts as taken when the stream
 * asks for the one behind it, which it does once this one has been read.
 */
export class Readable {
  /** @type {ReadableStream<Chunk>} */
  stream;
  /** @type {Chunk[]} */
  #queue = [];
  #first = 0;
  /** Whether the stream has asked for a message that has not come yet. */
  #wanted = false;
  /** The message that the stream has, until it asks for the next. @type {Chunk | undefined} */
  #given = undefined;
  /** How it ends, behind the queue. @type {{ error: unknown } | undefined} */
  #ending = undefined;
  #done = false;
  /** @type {ReadableStreamDefaultController<Chunk> | undefined} */
  #controller;
  /** @type {(() => void) | undefined} */
  #left;
  /** @type {any} */
  #patience;
  #platform;
  #onTaken;

  /**
   * @param {object} given
   * @param {import("../platform.js").Platform} given.platform
   * @param {(chunk: Chunk) => void} given.onTaken a message has been read
   * @param {(reason: unknown) => void} given.onCancel the application wants no more
   */
  constructor({ platform, onTaken, onCancel }) {
    this.#platform = platform;
    this.#onTaken = onTaken;
    this.stream = new ReadableStream(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#pull(),
        cancel: (reason) => {
          this.#finish();
          onCancel(reason);
        },
      },
      { highWaterMark: 1 },
    );
  }

  /** One more message has come. @param {Chunk} chunk */
  push(chunk) {
    if (this.#done) return this.#onTaken(chunk);
    this.#queue.push(chunk);
    if (this.#wanted) this.#give();
  }

  /**
   * Nothing comes any more: behind what is there the stream closes, or fails with `error`. Settles when the reader
   * is through; at once where nobody reads, and when a reader has not come for a while.
   *
   * @param {unknown} [error]
   * @returns {Promise<void>}
   */
  end(error) {
    if (this.#done) return Promise.resolve();
    this.#ending ??= { error };
    if (this.#wanted && this.#isEmpty) this.#close();
    if (this.#done || !this.stream.locked) return Promise.resolve();
    return new Promise((resolve) => {
      this.#left = resolve;
      this.#bePatient();
    });
  }

  get #isEmpty() {
    return this.#first === this.#queue.length;
  }

  #pull() {
    if (this.#done) return;
    this.#wanted = true;
    if (this.#left) this.#bePatient();
    const given = this.#given;
    this.#given = undefined;
    if (given !== undefined) this.#onTaken(given);
    if (!this.#isEmpty) this.#give();
    else if (this.#ending) this.#close();
  }

  /** Hands the oldest message to the stream, which wants it. */
  #give() {
    const chunk = this.#queue[this.#first];
    this.#first += 1;
    if (this.#first >= COMPACT_AT && this.#first * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#first);
      this.#first = 0;
    } else if (this.#isEmpty) {
      this.#queue.length = 0;
      this.#first = 0;
    } else {
      this.#queue[this.#first - 1] = "";
    }
    this.#wanted = false;
    this.#given = chunk;
    this.#controller?.enqueue(chunk);
  }

  #close() {
    const error = this.#ending?.error;
    if (error === undefined) this.#controller?.close();
    else this.#controller?.error(error);
    this.#finish();
  }

  /** What is still there counts as taken: nobody waits for it any more. */
  #finish() {
    this.#done = true;
    const dropped = this.#queue.slice(this.#first);
    if (this.#given !== undefined) dropped.unshift(this.#given);
    this.#queue = [];
    this.#first = 0;
    this.#given = undefined;
    for (const chunk of dropped) this.#onTaken(chunk);
    this.#leave();
  }

  #leave() {
    this.#platform.clearTimeout(this.#patience);
    this.#left?.();
    this.#left = undefined;
  }

  #bePatient() {
    this.#platform.clearTimeout(this.#patience);
    this.#patience = this.#platform.setTimeout(() => this.#leave(), PATIENCE_MS);
  }
}

/** How long an ended connection waits for a reader that has stopped reading. */
const PATIENCE_MS = 5000;

/** Of a long queue, so much may have been taken before the rest is moved up. */
const COMPACT_AT = 1024;
