import { Gone, Server } from "./tus.js";
import { Memory } from "./store.js";
import { Part } from "./part.js";
import { Patience } from "./patience.js";
import { UploadError } from "./error.js";

/** A file on its way: whole, or in parts that the server joins. */
export class Task {
  #choices;
  #progress;
  #server;
  #memory;

  /** @param {import("./options.js").Choices} choices @param {import("./progress.js").Progress} progress */
  constructor(choices, progress) {
    this.#choices = choices;
    this.#progress = progress;
    this.#server = new Server(choices);
    this.#memory = new Memory(choices);
  }

  /** @returns {Promise<import("./options.js").UploadResult>} */
  async run() {
    const { file, parallel } = this.#choices;
    await this.#memory.recall();
    for (let tries = 0; ; tries += 1) {
      try {
        const url = await this.#attempt();
        await this.#memory.forget(parallel);
        return { url, size: file.size };
      } catch (error) {
        if (!(error instanceof Gone)) throw error;
        if (tries === MOST_ANEW) throw new UploadError("gone", error.message);
        await this.#memory.forget(parallel);
      }
    }
  }

  /** Forgets what there is, and has the server remove it. */
  async discard() {
    await this.#memory.recall();
    const urls = [...this.#memory.parts, this.#memory.joined].filter(Boolean);
    await this.#memory.forget(this.#choices.parallel);
    // What is not removed expires.
    await Promise.allSettled(urls.map((url) => this.#server.remove(url)));
  }

  async #attempt() {
    if (this.#memory.joined) return this.#memory.joined;
    const { file, signal } = this.#choices;
    const count = this.#memory.parts.length;
    // One that fails for good ends the others.
    const control = new AbortController();
    const onAbort = () => control.abort(signal.reason);
    signal.addEventListener("abort", onAbort);
    const choices = { ...this.#choices, signal: control.signal };
    const common = {
      choices,
      server: new Server(choices),
      memory: this.#memory,
      progress: this.#progress,
      onKnown: this.#beginning(),
    };
    const bound = (/** @type {number} */ number) => Math.floor((file.size * number) / count);
    const parts = Array.from({ length: count }, (_, number) => {
      const bytes = file.slice(bound(number), bound(number + 1));
      return new Part(common, { number, bytes, isOneOfMany: count > 1, signal: control.signal });
    });
    const running = parts.map((part) => part.carry());
    try {
      const urls = await Promise.all(running);
      return count === 1 ? urls[0] : await this.#join(urls);
    } finally {
      control.abort();
      await Promise.allSettled(running);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Tells once, when each of the parts is there. */
  #beginning() {
    const { onbegin } = this.#choices;
    const waiting = new Set(this.#memory.parts.keys());
    let [first, channel] = ["", ""];
    return (/** @type {number} */ number, /** @type {string} */ url, /** @type {string} */ monitor) => {
      if (!waiting.delete(number)) return;
      if (number === 0) [first, channel] = [url, monitor];
      if (waiting.size === 0) onbegin({ url: first, offset: this.#progress.durable, monitor: channel });
    };
  }

  /** @param {string[]} parts */
  async #join(parts) {
    const patience = new Patience(this.#choices);
    patience.hasReached = true;
    for (;;) {
      try {
        const { url } = await this.#server.join(parts);
        await this.#memory.joinedTo(url);
        return url;
      } catch (error) {
        await patience.wait(error);
      }
    }
  }
}

/** How often an upload that the server has lost is begun anew. */
const MOST_ANEW = 3;
