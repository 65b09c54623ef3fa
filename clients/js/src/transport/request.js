import { BROKEN } from "./attachment.js";
import { takePlace } from "./places.js";

/**
 * The URL with parameters behind the application's own, whose spelling is kept.
 *
 * @param {string} url
 * @param {Record<string, string | number | undefined>} parameters those without a value are left out
 */
export function withParameters(url, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== "");
  const query = new URLSearchParams(given.map(([name, value]) => [name, `${value}`]));
  return `${url}${url.includes("?") ? "&" : "?"}${query}`;
}

/** The same, of http. @param {string} url of ws */
export function overHttp(url) {
  return url.replace(/^ws/, "http");
}

/**
 * The URL of an attachment.
 *
 * @param {import("./attachment.js").Order} order
 * @param {string} transport
 * @param {Record<string, string | number>} [more]
 */
export function attachmentUrl({ url, position, protocols }, transport, more = {}) {
  const { session, after } = position();
  const which = session ? { session, after } : { protocols: transport === "websocket" ? "" : protocols.join(",") };
  return withParameters(url, { transport, ...which, ...more });
}

/**
 * GETs the body of an attachment by `fetch`, until it ends or is given up.
 *
 * @param {object} what
 * @param {string} what.url
 * @param {string} what.type the type that the answer must have
 * @param {import("../platform.js").Platform} what.platform
 * @param {AbortSignal} what.signal
 * @param {() => void} what.onBegin
 * @param {(chunk: Uint8Array) => void} what.onChunk
 * @returns {Promise<import("./attachment.js").Ending | undefined>} nothing for a body that came whole
 */
export async function getBody({ url, type, platform, signal, onBegin, onChunk }) {
  try {
    const response = await platform.fetch(overHttp(url), { ...AS_WEBSOCKET, headers: { accept: type }, signal });
    // A captive portal answers 200 to everything.
    const isOurs = response.status === 200 && response.headers.get("content-type")?.split(";")[0] === type;
    if (!isOurs || !response.body) {
      response.body?.cancel().catch(() => {});
      return refusalOf(response);
    }
    onBegin();
    const reader = response.body.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done || signal.aborted) return undefined;
      onChunk(value);
    }
  } catch {
    // Whatever it was, be it a frame that may not be there: this attachment is over.
    return BROKEN;
  }
}

/**
 * The same, where the answer stays open: if there is a place for one more of these.
 *
 * @param {Omit<Parameters<typeof getBody>[0], "url"> & { url: () => string }} what
 */
export async function getHeldBody(what) {
  const release = await takePlace(overHttp(what.url()), what.signal);
  try {
    if (!release || what.signal.aborted) return BROKEN;
    return await getBody({ ...what, url: what.url() });
  } finally {
    release?.();
  }
}

/**
 * Ends a session that nobody wants.
 *
 * @param {import("./attachment.js").Order} order by which it was opened
 * @param {string} session
 */
export function endSession({ url, platform }, session) {
  const asking = platform.fetch(withParameters(overHttp(url), { session }), { ...AS_WEBSOCKET, method: "DELETE" });
  // Then it ends by itself before long.
  asking.catch(() => {});
}

/** Cookies are sent to whatever origin, as a handshake does. @type {RequestInit} */
export const AS_WEBSOCKET = { cache: "no-store", credentials: "include" };

/** @param {Response} response @returns {import("./attachment.js").Ending} */
export function refusalOf({ status, headers }) {
  const isLost = (status === 404 || status === 410) && headers.get("tidegate-session") === "lost";
  const seconds = Number(headers.get("retry-after") ?? NaN);
  return seconds >= 0 ? { status, isLost, retryAfterMs: seconds * 1000 } : { status, isLost };
}
