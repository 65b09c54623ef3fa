import { Gone } from "./tus.js";
import { Passing, UploadError } from "./error.js";
import { Patience } from "./patience.js";
import { listen } from "../connection/lifecycle.js";

/**
 * One upload resource: created, looked at and appended to until all of its bytes are there.
 *
 * @typedef {object} Common what all parts have in common
 * @property {import("./options.js").Choices} choices
 * @property {import("./tus.js").Server} server
 * @property {import("./store.js").Memory} memory
 * @property {import("./progress.js").Progress} progress
 * @property {(number: number, url: string, monitor: string) => void} onKnown called when the server has it
 */
export class Part {
  #common;
  #number;
  #bytes;
  #isOneOfMany;
  #signal;
  /** The most that the next request carries: less where connections break, since browsers repeat some by themselves. */
  #chunk;
  /** How few that are, however bad the network is, unless the application wants fewer. */
  #least = LEAST_CHUNK;

  /**
   * @param {Common} common
   * @param {{ number: number, bytes: Blob, isOneOfMany: boolean, signal: AbortSignal }} which
   */
  constructor(common, { number, bytes, isOneOfMany, signal }) {
    this.#common = common;
    this.#number = number;
    this.#bytes = bytes;
    this.#isOneOfMany = isOneOfMany;
    this.#signal = signal;
    const { chunkSize, platform } = common.choices;
    this.#chunk = chunkSize;
    if (platform.XMLHttpRequest) return;
    // Nobody tells how far a request is, so each has to be over before it counts as standing still.
    this.#chunk = Math.min(chunkSize, LEAST_CHUNK);
    this.#least = LEAST_CHUNK_UNSEEN;
  }

  /** Uploads it, from where it is. @returns {Promise<string>} its URL */
  async carry() {
    const { choices, memory, progress } = this.#common;
    const patience = new Patience({ ...choices, signal: this.#signal });
    // What was there once is waited for.
    patience.hasReached = !memory.isEmpty;
    let at = -1;
    let best = 0;
    for (;;) {
      try {
        at = at < 0 ? await this.#begin() : await this.#append(at);
        patience.hasReached = true;
        progress.set(this.#number, at);
        if (at > best) patience.restore();
        best = Math.max(at, best);
        if (at === this.#bytes.size) return memory.parts[this.#number];
      } catch (error) {
        progress.set(this.#number, Math.max(at, 0));
        at = -1;
        await patience.wait(error);
      }
    }
  }

  /** Where the server is: what was begun before, or anew. */
  async #begin() {
    const { memory, progress, server, onKnown } = this.#common;
    const known = memory.parts[this.#number];
    if (known) {
      const { offset, length, monitor } = await server.look(known);
      if (offset > this.#bytes.size || (length ?? this.#bytes.size) !== this.#bytes.size) {
        throw new Gone("the upload there is another one");
      }
      progress.note(this.#number, offset);
      onKnown(this.#number, known, monitor);
      return offset;
    }
    const { url, monitor } = await server.create(this.#bytes.size, this.#isOneOfMany);
    await memory.created(this.#number, url);
    onKnown(this.#number, url, monitor);
    return 0;
  }

  /** @param {number} at */
  async #append(at) {
    const { choices, memory, progress, server } = this.#common;
    const body = this.#bytes.slice(at, Math.min(at + this.#chunk, this.#bytes.size));
    const control = new AbortController();
    const onAbort = () => control.abort(this.#signal.reason);
    this.#signal.addEventListener("abort", onAbort);
    if (this.#signal.aborted) onAbort();
    const began = choices.platform.now();
    let moved = began;
    const onSent = (/** @type {number} */ bytes) => {
      moved = choices.platform.now();
      progress.set(this.#number, at, bytes);
    };
    // After a sleep, or on another network, a request that stands still is dead.
    const onWoken = () => {
      if (choices.platform.now() - moved > STILL_MS) control.abort(new Passing("the network has changed"));
    };
    const stop = listen({ onWoken, onShown: () => {}, onLeft: () => {} });
    try {
      const more = { signal: control.signal, onSent };
      const now = await server.append(memory.parts[this.#number], at, body, more);
      const isQuick = choices.platform.now() - began < choices.silence / 4;
      if (isQuick || choices.platform.XMLHttpRequest) this.#chunk = Math.min(this.#chunk * 2, choices.chunkSize);
      return now;
    } catch (error) {
      const half = Math.max(Math.floor(body.size / 2), this.#least);
      if (error instanceof Passing) this.#chunk = Math.min(half, choices.chunkSize);
      // A file that has changed looks like a lost connection.
      if (error instanceof Passing && error.status === 0) await readable(body);
      throw error;
    } finally {
      stop();
      this.#signal.removeEventListener("abort", onAbort);
    }
  }
}

/** @param {Blob} body */
async function readable(body) {
  try {
    await body.slice(0, 1).arrayBuffer();
  } catch (cause) {
    throw new UploadError("unreadable", "the file has changed, or cannot be read any more", { cause });
  }
}

const LEAST_CHUNK = 1024 * 1024;
const LEAST_CHUNK_UNSEEN = 64 * 1024;

/** How long nothing may have moved when the network comes back. */
const STILL_MS = 3000;
