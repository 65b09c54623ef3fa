import { Backoff } from "../transport/backoff.js";
import { Passing, UploadError } from "./error.js";
import { listen } from "../connection/lifecycle.js";

/** How long to try again, and how often. */
export class Patience {
  #choices;
  #backoff;
  /** When the trouble began. @type {number | undefined} */
  #since;
  /** Whether the server was there, as far as is known. */
  hasReached = false;

  /** @param {import("./options.js").Choices} choices @param {() => number} [random] */
  constructor(choices, random) {
    this.#choices = choices;
    this.#backoff = new Backoff(random);
  }

  /** Something got through. */
  restore() {
    this.#since = undefined;
    this.#backoff.reset();
  }

  /**
   * Waits until it is time to try again: at random, less when the network comes back. What does not pass is thrown.
   *
   * @param {unknown} error
   */
  async wait(error) {
    const { platform, patience, signal, onretry } = this.#choices;
    if (signal.aborted) throw signal.reason;
    if (!(error instanceof Passing)) throw error;
    const isOffline = globalThis.navigator?.onLine === false;
    if (error.status === 0 && !this.hasReached && !isOffline) {
      throw new UploadError("unreachable", "the server cannot be reached", { cause: error });
    }
    const now = platform.now();
    this.#since ??= now;
    if (now - this.#since >= patience) {
      const { message, status } = error;
      throw new UploadError("lost", `${message}; nothing has got through for a while`, { status, cause: error });
    }
    const delay = Math.max(this.#backoff.next(), error.waitMs);
    onretry(error, delay);
    await pause(platform, delay, signal);
  }
}

/**
 * @param {import("./options.js").UploadPlatform} platform
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pause(platform, milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const end = (/** @type {() => void} */ settle) => {
      platform.clearTimeout(timer);
      stop();
      signal.removeEventListener("abort", onAbort);
      settle();
    };
    const onAbort = () => end(() => reject(signal.reason));
    const timer = platform.setTimeout(() => end(resolve), milliseconds);
    const stop = listen({ onWoken: () => end(resolve), onShown: () => {}, onLeft: () => {} });
    signal.addEventListener("abort", onAbort);
  });
}
