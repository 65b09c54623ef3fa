import { TRANSPORT_NAMES } from "../transport/names.js";

/**
 * Which transport has worked with an origin, so that the next connection begins with it: for the life of the page, and
 * of the tab where there is a `sessionStorage`.
 *
 * @typedef {import("../transport/names.js").TransportName} TransportName
 */

/** @type {Map<string, TransportName>} */
const worked = new Map();

/** @param {string} url @returns {TransportName | undefined} */
export function recall(url) {
  const { origin } = new URL(url);
  const stored = worked.get(origin) ?? storage()?.getItem(KEY + origin);
  return TRANSPORT_NAMES.find((name) => name === stored);
}

/** @param {string} url @param {TransportName} name */
export function remember(url, name) {
  const { origin } = new URL(url);
  if (worked.size >= MOST) worked.clear();
  worked.set(origin, name);
  try {
    storage()?.setItem(KEY + origin, name);
  } catch {
    // Full, or not allowed to be filled.
  }
}

/** @returns {Storage | undefined} */
function storage() {
  try {
    // Reading the property alone may be forbidden.
    return "Deno" in globalThis ? undefined : globalThis.sessionStorage;
  } catch {
    return undefined;
  }
}

const KEY = "tidegate:transport:";

/** Of how many origins is remembered. */
const MOST = 256;
