import { localStore } from "./store.js";

/**
 * What the runtime gives. Without `XMLHttpRequest`, by which browsers tell how far a request is, `fetch` is used.
 *
 * @typedef {object} UploadPlatform
 * @property {typeof globalThis.XMLHttpRequest | undefined} XMLHttpRequest
 * @property {typeof globalThis.fetch} fetch
 * @property {(run: () => void, milliseconds: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {() => number} now milliseconds of a clock that never goes back
 */

/**
 * Where the URLs of uploads are kept, by keys, for the next time that the same file is uploaded to the same place.
 *
 * @typedef {object} UploadStore
 * @property {(key: string) => string | null | undefined | Promise<string | null | undefined>} get
 * @property {(key: string, value: string) => unknown} set
 * @property {(key: string) => unknown} delete
 */

/**
 * An upload that the server has: created, or found again.
 *
 * @typedef {object} UploadBeginning
 * @property {string} url its URL; of the first part, if there are several
 * @property {number} offset how many bytes were there before
 * @property {string} monitor where its progress can be followed, where the server says so (`Link`, `rel=monitor`); else
 *   the empty string
 */

/**
 * @typedef {object} UploadResult
 * @property {string} url the URL of the upload, which is complete
 * @property {number} size its bytes
 */

/**
 * @typedef {object} UploadOptions
 * @property {(progress: import("./progress.js").UploadProgress) => void} [onprogress]
 * @property {(beginning: UploadBeginning) => void} [onbegin] called when the server has the upload
 * @property {(error: Error, milliseconds: number) => void} [onretry] called before each pause
 * @property {AbortSignal} [signal] ends it; the server keeps what it has (see `discard`)
 * @property {Record<string, string> | (() => Record<string, string> | Promise<Record<string, string>>)} [headers] for
 *   every request to the origin of the URL; a function is asked each time, for tokens that expire
 * @property {"same-origin" | "include"} [credentials] whether cookies go to other origins; not, if not given
 * @property {Record<string, string>} [metadata] `filename` and `filetype`, if not given
 * @property {number} [chunkSize] how many bytes one request carries at most, 16 MiB if not given; what the server has is
 *   known between them
 * @property {number} [parallel] in how many parts to upload it, side by side; the server joins them. 1 if not given
 * @property {string} [fingerprint] by what the same file is known again; a File's name, size, type and time, if not given,
 *   and nothing for a Blob
 * @property {UploadStore | null} [store] `localStorage`, where there is one, if not given; null for none
 * @property {number} [patience] how many milliseconds to go on trying while nothing gets through: 300,000 if not given,
 *   Infinity is allowed
 * @property {number} [silence] after how many milliseconds a request counts as lost that stands still: no byte of it goes,
 *   and no answer comes. Then the server is asked what it has, and the upload goes on from there. 30,000 if not given
 * @property {Partial<UploadPlatform>} [platform] what to use in place of the runtime's own
 */

/**
 * @internal
 * @typedef {object} Choices
 * @property {Blob} file
 * @property {string} url
 * @property {(progress: import("./progress.js").UploadProgress) => void} onprogress
 * @property {(beginning: UploadBeginning) => void} onbegin
 * @property {(error: Error, milliseconds: number) => void} onretry
 * @property {AbortSignal} signal
 * @property {() => Promise<Record<string, string>>} headers
 * @property {"same-origin" | "include"} credentials
 * @property {Record<string, string>} metadata
 * @property {number} chunkSize
 * @property {number} parallel
 * @property {string} key empty where nothing is to be kept
 * @property {UploadStore} store
 * @property {number} patience
 * @property {number} silence
 * @property {UploadPlatform} platform
 */

/**
 * @internal
 * @param {any} file
 * @param {any} url
 * @param {UploadOptions} [given]
 * @returns {Choices}
 */
export function optionsOf(file, url, given = {}) {
  if (!(file instanceof Blob)) throw new TypeError("a File or a Blob is needed");
  const target = new URL(url, globalThis.location?.href);
  if (!/^https?:$/.test(target.protocol)) throw new TypeError("a URL of http or https is needed");
  target.hash = "";
  const { headers = {}, credentials = "same-origin", store = localStore() } = given;
  const fingerprint = given.fingerprint ?? fingerprintOf(file);
  return {
    file,
    url: target.href,
    onprogress: given.onprogress ?? (() => {}),
    onbegin: given.onbegin ?? (() => {}),
    onretry: given.onretry ?? (() => {}),
    signal: given.signal ?? new AbortController().signal,
    headers: async () => (typeof headers === "function" ? headers() : headers),
    credentials,
    metadata: given.metadata ?? metadataOf(file),
    chunkSize: number(given.chunkSize ?? CHUNK_BYTES, "chunkSize"),
    parallel: Math.max(Math.min(number(given.parallel ?? 1, "parallel"), MOST_PARTS, file.size), 1),
    key: store && fingerprint ? `tidegate:upload:${target.href} ${fingerprint}` : "",
    store: store ?? NO_STORE,
    patience: number(given.patience ?? PATIENCE_MS, "patience"),
    silence: number(given.silence ?? SILENCE_MS, "silence"),
    platform: platformWith(given.platform),
  };
}

/** @param {Partial<UploadPlatform>} [given] @returns {UploadPlatform} */
function platformWith(given = {}) {
  const global = /** @type {any} */ (globalThis);
  return {
    XMLHttpRequest: global.XMLHttpRequest,
    fetch: (...request) => global.fetch(...request),
    setTimeout: (run, milliseconds) => global.setTimeout(run, milliseconds),
    clearTimeout: (timer) => global.clearTimeout(timer),
    now: () => global.performance.now(),
    ...given,
  };
}

/** @param {any} value @param {string} name */
function number(value, name) {
  if (typeof value !== "number" || !(value >= 1)) throw new TypeError(`${name} must be a number from 1 on`);
  return Number.isFinite(value) ? Math.floor(value) : value;
}

/** @param {Blob & { name?: string, lastModified?: number }} file */
function fingerprintOf({ name, size, type, lastModified }) {
  return name === undefined ? "" : [name, size, type, lastModified].join(" ");
}

/** @param {Blob & { name?: string }} file */
function metadataOf({ name, type }) {
  return { ...(name ? { filename: name } : {}), ...(type ? { filetype: type } : {}) };
}

/** @type {UploadStore} */
const NO_STORE = { get: () => null, set: () => {}, delete: () => {} };

const CHUNK_BYTES = 16 * 1024 * 1024;
const MOST_PARTS = 64;
const PATIENCE_MS = 300_000;
const SILENCE_MS = 30_000;
