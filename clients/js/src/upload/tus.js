import { Passing, UploadError } from "./error.js";
import { ask } from "./request.js";

/**
 * The requests of tus 1.0.0: core, creation, concatenation, termination.
 *
 * @typedef {{ url: string, monitor: string }} Created
 * @typedef {{ offset: number, length: number | undefined, monitor: string }} Standing
 */

/** The server does not have the upload any more. */
export class Gone extends Error {}

export class Server {
  #choices;

  /** @param {import("./options.js").Choices} choices */
  constructor(choices) {
    this.#choices = choices;
  }

  /** Creates an upload, or a part of one. @param {number} length @param {boolean} isPart @returns {Promise<Created>} */
  async create(length, isPart) {
    const headers = { "Upload-Length": `${length}`, ...(isPart ? { "Upload-Concat": "partial" } : this.#metadata()) };
    return this.#created(await this.#ask("POST", this.#choices.url, headers));
  }

  /** Joins complete parts. @param {string[]} parts @returns {Promise<Created>} */
  async join(parts) {
    const { file, silence, url } = this.#choices;
    const { origin } = new URL(url);
    // As paths, which is what servers compare.
    const paths = parts.map((part) => (part.startsWith(`${origin}/`) ? part.slice(origin.length) : part));
    const headers = { "Upload-Concat": `final;${paths.join(" ")}`, ...this.#metadata() };
    // It may have to copy all the bytes before it answers; to ask again would have it copy them again.
    const more = { silence: silence + file.size / JOINED_BYTES_PER_MS };
    return this.#created(await this.#ask("POST", url, headers, undefined, more));
  }

  /** How an upload stands. @param {string} upload @returns {Promise<Standing>} */
  async look(upload) {
    const answer = await this.#ask("HEAD", upload, {});
    if (!isFine(answer)) throw refusal("tell how much it has", answer);
    const offset = numberOf(answer, "Upload-Offset");
    if (offset === undefined) {
      throw new UploadError("refused", "the server does not tell pages of this origin how much it has", answer);
    }
    return { offset, length: numberOf(answer, "Upload-Length"), monitor: monitorOf(answer, upload) };
  }

  /**
   * Sends bytes, and tells how many of the upload the server has then.
   *
   * @param {string} upload
   * @param {number} offset
   * @param {Blob} body
   * @param {{ signal: AbortSignal, onSent: (bytes: number) => void }} more
   */
  async append(upload, offset, body, more) {
    const headers = { "Upload-Offset": `${offset}`, "Content-Type": "application/offset+octet-stream" };
    const answer = await this.#ask("PATCH", upload, headers, body, more);
    if (!isFine(answer)) throw refusal("take the bytes", answer);
    const now = numberOf(answer, "Upload-Offset");
    if (now === undefined) throw new Passing("the server does not tell how much it has taken");
    if (now < offset || now > offset + body.size) {
      throw new UploadError("refused", `the server has ${now} bytes after ${body.size} from ${offset} on`, answer);
    }
    return now;
  }

  /** Removes an upload. @param {string} upload */
  async remove(upload) {
    await this.#ask("DELETE", upload, {});
  }

  /** @returns {Record<string, string>} */
  #metadata() {
    const entries = Object.entries(this.#choices.metadata);
    const pairs = entries.map(([name, value]) => `${name} ${base64(value)}`);
    return pairs.length > 0 ? { "Upload-Metadata": pairs.join(",") } : {};
  }

  /** @param {import("./request.js").Answer} answer @returns {Created} */
  #created(answer) {
    const { url } = this.#choices;
    if (answer.status === 404 || answer.status === 410) {
      throw new UploadError("refused", `no uploads are taken at ${url}: ${said(answer)}`, answer);
    }
    if (answer.status !== 201) throw refusal("create the upload", answer);
    const location = answer.header("Location");
    if (!location) throw new UploadError("refused", "the server does not tell where the upload is", answer);
    const created = new URL(location, url);
    if (!/^https?:$/.test(created.protocol)) throw new UploadError("refused", `it leads to ${created}`, answer);
    return { url: created.href, monitor: monitorOf(answer, url) };
  }

  /**
   * @param {string} method
   * @param {string} url
   * @param {Record<string, string>} headers
   * @param {Blob} [body]
   * @param {{ signal?: AbortSignal, silence?: number, onSent?: (bytes: number) => void }} [more]
   */
  async #ask(method, url, headers, body, more) {
    const { platform, credentials, signal, silence } = this.#choices;
    const isOwn = new URL(url).origin === new URL(this.#choices.url).origin;
    const given = isOwn ? await this.#choices.headers() : {};
    const all = { ...given, ...headers, "Tus-Resumable": "1.0.0" };
    return ask({ method, url, headers: all, body }, { platform, credentials, signal, silence, onSent() {}, ...more });
  }
}

/** @param {import("./request.js").Answer} answer */
function isFine({ status }) {
  return status >= 200 && status < 300;
}

/** Why a server did not do what it was asked. @param {string} what @param {import("./request.js").Answer} answer */
function refusal(what, answer) {
  const { status } = answer;
  const why = `the server did not ${what}: ${said(answer)}`;
  if (status === 404 || status === 410) return new Gone(why);
  const passes = PASSING.has(status) || (status >= 500 && !LASTING.has(status));
  if (!passes) return new UploadError("refused", why, { status });
  const seconds = Number(answer.header("Retry-After") ?? 0);
  return new Passing(why, { status, waitMs: seconds > 0 ? Math.min(seconds * 1000, LONGEST_WAIT_MS) : 0 });
}

/** 460 is a checksum that does not agree. */
const PASSING = new Set([408, 409, 423, 425, 429, 460]);
/** Of those from 500 on. 507 is a disk that is full, which a person should know. */
const LASTING = new Set([501, 505, 507]);
const LONGEST_WAIT_MS = 60_000;
/** How fast a server joins parts, at least. */
const JOINED_BYTES_PER_MS = 16 * 1024;

/** @param {import("./request.js").Answer} answer */
function said({ status, reason }) {
  return reason ? `${status}, ${reason}` : `${status}`;
}

/** @param {import("./request.js").Answer} answer @param {string} name */
function numberOf({ header }, name) {
  const text = header(name);
  return text !== null && /^\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}

/**
 * The target of `Link: <…>; rel="monitor"` (RFC 8288, RFC 5989).
 *
 * @param {import("./request.js").Answer} answer
 * @param {string} base
 */
function monitorOf({ header }, base) {
  const links = header("Link")?.matchAll(/<([^>]*)>((?:\s*;[^,<]*)?)/g) ?? [];
  for (const [, target, parameters] of links) {
    if (/;\s*rel="?monitor"?\s*(;|$)/.test(parameters)) return new URL(target, base).href;
  }
  return "";
}

/** @param {string} text */
function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
