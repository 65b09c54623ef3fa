/**
 * What is read: a string for a text message, bytes for a binary one.
 *
 * @typedef {string | Uint8Array<ArrayBuffer>} Chunk
 */

/**
 * What may be written. A string goes as text; bytes and a Blob's bytes go as a binary message; anything else is made
 * a string, which TypeScript does not let through.
 *
 * @typedef {string | BufferSource | Blob} Writes
 */

/**
 * What a written chunk is sent as. The bytes are the caller's own and have to be copied before the write settles.
 *
 * @param {unknown} chunk
 * @returns {string | Uint8Array | Promise<Uint8Array>}
 * @internal
 */
export function dataOf(chunk) {
  if (typeof chunk === "string") return chunk;
  if (ArrayBuffer.isView(chunk)) {
    return new Uint8Array(fixed(chunk.buffer), chunk.byteOffset, chunk.byteLength);
  }
  if (isBuffer(chunk)) return new Uint8Array(fixed(chunk));
  // Departs from the draft, which sends the text "[object Blob]", as of any other object: nobody wants that.
  if (typeof Blob !== "undefined" && chunk instanceof Blob) {
    return chunk.arrayBuffer().then((buffer) => new Uint8Array(buffer));
  }
  return `${chunk}`;
}

/**
 * How many bytes of payload a chunk is.
 * @param {Chunk} chunk
 * @internal
 */
export function payloadBytes(chunk) {
  return typeof chunk === "string" ? utf8Length(chunk) : chunk.byteLength;
}

/**
 * Refuses memory that others may change or shrink while it is sent.
 *
 * @param {ArrayBufferLike} buffer
 */
function fixed(buffer) {
  if (tagOf(buffer) === "[object SharedArrayBuffer]") throw new TypeError("shared memory cannot be written");
  if (/** @type {any} */ (buffer).resizable) throw new TypeError("a resizable buffer cannot be written");
  return buffer;
}

/** @param {unknown} value @returns {value is ArrayBufferLike} */
function isBuffer(value) {
  const tag = tagOf(value);
  return tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]";
}

/** @param {unknown} value */
function tagOf(value) {
  return Object.prototype.toString.call(value);
}

/** Bytes of UTF-8, without encoding. @param {string} text */
function utf8Length(text) {
  let length = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) length += 1;
    // The two halves of a pair are four bytes; each half alone would be replaced by three.
    if (unit > 0x7ff && !isSecondOfPair(text, index)) length += 1;
    if (isSecondOfPair(text, index)) length -= 1;
  }
  return length;
}

/** @param {string} text @param {number} index */
function isSecondOfPair(text, index) {
  const unit = text.charCodeAt(index);
  if (unit < 0xdc00 || unit > 0xdfff || index === 0) return false;
  const before = text.charCodeAt(index - 1);
  return before >= 0xd800 && before <= 0xdbff;
}
