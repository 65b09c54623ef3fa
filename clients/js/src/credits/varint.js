import { Violation } from "./violation.js";

/** The varint of RFC 9000 §16, up to 2^53 − 1. */

const TWO_32 = 2 ** 32;

/** @param {number} number */
export function varintLength(number) {
  if (number < 2 ** 6) return 1;
  if (number < 2 ** 14) return 2;
  return number < 2 ** 30 ? 4 : 8;
}

/**
 * Writes a varint, and returns the offset behind it.
 *
 * @param {Uint8Array} bytes
 * @param {number} offset
 * @param {number} number
 */
export function putVarint(bytes, offset, number) {
  const length = varintLength(number);
  let rest = number;
  for (let index = offset + length - 1; index >= offset; index -= 1) {
    bytes[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes[offset] |= Math.log2(length) << 6;
  return offset + length;
}

/** Reads along some bytes. */
export class Cursor {
  at = 0;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
  }

  get isAtEnd() {
    return this.at === this.bytes.length;
  }

  byte() {
    if (this.isAtEnd) throw new Violation("cut frame");
    return this.bytes[this.at++];
  }

  varint() {
    const first = this.byte();
    const length = 1 << (first >> 6);
    if (length === 1) return first;
    const rest = this.take(length - 1);
    let high = 0;
    let low = first & 0x3f;
    for (let index = 0; index < rest.length; index += 1) {
      if (index === 3) {
        high = low;
        low = 0;
      }
      low = low * 256 + rest[index];
    }
    const number = high * TWO_32 + low;
    if (!Number.isSafeInteger(number)) throw new Violation("varint too large");
    if (varintLength(number) !== length) throw new Violation("varint not shortest");
    return number;
  }

  /** A view, not a copy. @param {number} length */
  take(length) {
    if (length > this.bytes.length - this.at) throw new Violation("cut frame");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}
