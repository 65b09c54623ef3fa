/**
 * How a connection was closed.
 *
 * @typedef {object} WebSocketCloseInfo
 * @property {number} closeCode the peer's code; 1005 when its Close had none
 * @property {number} code the same, by its name of 2020
 * @property {string} reason
 */

/**
 * What to close with. Neither code nor reason: an empty Close. A reason alone goes with 1000.
 *
 * @typedef {object} WebSocketCloseOptions
 * @property {number} [closeCode] 1000, or 3000 to 4999
 * @property {number} [code] the same, by its name of 2020; `closeCode` wins
 * @property {string} [reason] at most 123 bytes of UTF-8
 */

/**
 * The same, validated.
 *
 * @typedef {object} CloseInfo
 * @property {number | null} closeCode
 * @property {string} reason
 */

/**
 * An empty Close.
 * @type {Readonly<CloseInfo>}
 * @internal
 */
export const EMPTY = Object.freeze({ closeCode: null, reason: "" });

/**
 * Validates what an application gives, as the specification's `WebSocketCloseInfo`.
 *
 * @param {unknown} given
 * @returns {CloseInfo}
 * @internal
 */
export function closeInfoOf(given) {
  if (given === undefined || given === null) return EMPTY;
  if (typeof given !== "object" && typeof given !== "function") {
    throw new TypeError("close options must be an object");
  }
  const { closeCode, code, reason } = /** @type {Record<string, unknown>} */ (given);
  return validated(closeCode === undefined ? code : closeCode, reason);
}

/**
 * @param {unknown} code
 * @param {unknown} reason
 * @returns {CloseInfo}
 * @internal
 */
export function validated(code, reason) {
  const closeCode = code === undefined || code === null ? null : unsignedShort(code);
  const text = reason === undefined ? "" : `${reason}`;
  if (closeCode !== null && !maySend(closeCode)) {
    throw new DOMException(`the close code must be 1000 or 3000 to 4999, not ${closeCode}`, "InvalidAccessError");
  }
  if (new TextEncoder().encode(text).byteLength > MAX_REASON_BYTES) {
    throw new DOMException(`the reason must not be longer than ${MAX_REASON_BYTES} bytes`, "SyntaxError");
  }
  return { closeCode: closeCode === null && text !== "" ? 1000 : closeCode, reason: text };
}

/**
 * Whether an application may send this code.
 * @param {number} code
 * @internal
 */
export function maySend(code) {
  return code === 1000 || (code >= 3000 && code <= 4999);
}

/** RFC 6455 §5.5: a control frame holds 125 bytes, the code takes two. */
const MAX_REASON_BYTES = 123;

/** Web IDL's `[EnforceRange] unsigned short`. @param {unknown} value */
function unsignedShort(value) {
  const number = Math.trunc(+(/** @type {any} */ (value)));
  if (!(number >= 0 && number <= 65535)) throw new TypeError(`${number} is no close code`);
  return number;
}
