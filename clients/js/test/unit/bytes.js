/** Bytes as a document writes them. */

/** @param {string} text */
export function bytes(text) {
  return Uint8Array.from(text.trim().split(/\s+/), (byte) => Number.parseInt(byte, 16));
}

/** @param {Uint8Array | undefined} given */
export function hex(given) {
  return given && Array.from(given, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
