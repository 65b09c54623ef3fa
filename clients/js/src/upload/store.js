/**
 * What is known of an upload to come back to.
 *
 * @typedef {object} Known
 * @property {string[]} parts their URLs; an empty one was not created yet
 * @property {string} joined the URL of the whole, where the parts are joined
 */

/** `localStorage`, where there is one and it may be used. @returns {import("./options.js").UploadStore | null} */
export function localStore() {
  const storage = () => {
    try {
      // Reading the property alone may be forbidden, and Node warns of it.
      return "document" in globalThis ? globalThis.localStorage : undefined;
    } catch {
      return undefined;
    }
  };
  if (!storage()) return null;
  return {
    get: (key) => storage()?.getItem(key),
    set: (key, value) => storage()?.setItem(key, value),
    delete: (key) => storage()?.removeItem(key),
  };
}

/** What is remembered of one file on its way to one place. */
export class Memory {
  /** @type {Known} */
  #known;
  #key;
  #store;

  /** @param {{ key: string, store: import("./options.js").UploadStore, parallel: number }} choices */
  constructor({ key, store, parallel }) {
    this.#key = key;
    this.#store = store;
    this.#known = nothing(parallel);
  }

  /** Finds what was stored before. */
  async recall() {
    if (!this.#key) return;
    try {
      const stored = JSON.parse((await this.#store.get(this.#key)) ?? "null");
      const isOurs = Array.isArray(stored?.parts) && stored.parts.length >= 1 && stored.parts.length <= 64;
      if (!isOurs || ![...stored.parts, stored.joined].every((url) => typeof url === "string")) return;
      if (stored.parts.some(Boolean)) this.#known = { parts: stored.parts, joined: stored.joined };
    } catch {
      // What cannot be read is not there.
    }
  }

  /** The URLs of the parts; an empty one was not created yet. */
  get parts() {
    return this.#known.parts;
  }

  /** The URL of the whole, where the parts are joined. */
  get joined() {
    return this.#known.joined;
  }

  /** Whether nothing was created yet. */
  get isEmpty() {
    return !this.#known.joined && !this.#known.parts.some(Boolean);
  }

  /** @param {number} number @param {string} url */
  async created(number, url) {
    this.#known.parts[number] = url;
    await this.#save();
  }

  /** @param {string} url */
  async joinedTo(url) {
    this.#known.joined = url;
    await this.#save();
  }

  /** From now on nothing is remembered. @param {number} parts how many there will be */
  async forget(parts) {
    this.#known = nothing(parts);
    try {
      if (this.#key) await this.#store.delete(this.#key);
    } catch {
      // Then it is found to be gone.
    }
  }

  async #save() {
    try {
      if (this.#key) await this.#store.set(this.#key, JSON.stringify(this.#known));
    } catch {
      // Full, or not allowed to be filled: the upload goes on all the same.
    }
  }
}

/** @param {number} parts @returns {Known} */
function nothing(parts) {
  return { parts: Array.from({ length: parts }, () => ""), joined: "" };
}
