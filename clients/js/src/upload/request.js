import { Passing } from "./error.js";

/**
 * @typedef {object} Asked
 * @property {string} method
 * @property {string} url
 * @property {Record<string, string>} headers
 * @property {Blob} [body]
 *
 * @typedef {object} Answer
 * @property {number} status
 * @property {(name: string) => string | null} header
 * @property {string} reason the first line of the body, where it is short and no page
 *
 * @typedef {object} How
 * @property {import("./options.js").UploadPlatform} platform
 * @property {"same-origin" | "include"} credentials
 * @property {number} silence milliseconds; the request counts as lost when nothing has moved for so long
 * @property {AbortSignal} signal
 * @property {(bytes: number) => void} onSent how much of the body has gone
 */

/**
 * Sends a request.
 *
 * @param {Asked} asked
 * @param {How} how
 * @returns {Promise<Answer>} rejects with `Passing`, or the reason of the signal
 */
export function ask(asked, how) {
  return how.platform.XMLHttpRequest ? byXhr(asked, how) : byFetch(asked, how);
}

/** @param {Asked} asked @param {How} how @returns {Promise<Answer>} */
function byXhr({ method, url, headers, body }, { platform, credentials, silence, signal, onSent }) {
  return new Promise((resolve, reject) => {
    const xhr = new /** @type {typeof XMLHttpRequest} */ (platform.XMLHttpRequest)();
    let timer = /** @type {any} */ (undefined);
    let sent = 0;
    let isOver = false;
    const end = (/** @type {() => void} */ settle) => {
      if (isOver) return;
      isOver = true;
      platform.clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      settle();
    };
    const giveUp = (/** @type {unknown} */ why) => {
      end(() => reject(why));
      xhr.abort();
    };
    const onAbort = () => giveUp(signal.reason);
    const watch = () => {
      platform.clearTimeout(timer);
      timer = after(silence, platform, giveUp);
    };
    xhr.open(method, url);
    xhr.withCredentials = credentials === "include";
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    if (body) {
      xhr.upload.onprogress = ({ loaded }) => {
        // Only what moves is a sign of life.
        if (isOver || loaded <= sent) return;
        sent = loaded;
        watch();
        onSent(Math.min(loaded, body.size));
      };
    }
    xhr.onload = () => {
      const header = (/** @type {string} */ name) => xhr.getResponseHeader(name);
      end(() => resolve({ status: xhr.status, header, reason: reasonOf(xhr.responseText) }));
    };
    xhr.onerror = () => end(() => reject(new Passing("the connection was lost")));
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) return onAbort();
    watch();
    xhr.send(body ?? null);
  });
}

/** @param {Asked} asked @param {How} how @returns {Promise<Answer>} */
async function byFetch({ method, url, headers, body }, { platform, credentials, silence, signal, onSent }) {
  const control = new AbortController();
  const onAbort = () => control.abort(signal.reason);
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  // It does not tell how far it is, so this is the time for all of it; `Part` sends as much as goes in that time.
  const timer = after(silence, platform, (why) => control.abort(why));
  try {
    const response = await platform.fetch(url, { method, headers, body, credentials, signal: control.signal });
    const text = await response.text();
    onSent(body?.size ?? 0);
    const header = (/** @type {string} */ name) => response.headers.get(name);
    return { status: response.status, header, reason: reasonOf(text) };
  } catch (error) {
    if (control.signal.aborted) throw control.signal.reason;
    throw new Passing(`the connection was lost: ${/** @type {any} */ (error)?.cause?.message ?? error}`);
  } finally {
    platform.clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

/**
 * @param {number} silence
 * @param {import("./options.js").UploadPlatform} platform
 * @param {(why: Passing) => void} giveUp
 */
function after(silence, platform, giveUp) {
  const why = `nothing has moved for ${silence / 1000} s`;
  return platform.setTimeout(() => giveUp(new Passing(why)), Math.min(silence, LONGEST_TIMER_MS));
}

/** @param {string} text */
function reasonOf(text) {
  const [line = ""] = text.split("\n", 1);
  return line.length > MOST_OF_REASON || line.startsWith("<") ? "" : line.trim();
}

/** A timer of more than 31 bits goes off at once. */
const LONGEST_TIMER_MS = 0x7fff_ffff;
const MOST_OF_REASON = 256;
