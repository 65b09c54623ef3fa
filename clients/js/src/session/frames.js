import { MAX_BATCH_BYTES, numbersFrame } from "../credits/frame.js";
import { Cursor } from "../credits/varint.js";
import { Violation } from "../credits/violation.js";

/** The frames of the attachment, which are not counted (docs/sessions.md, section 2). */
export const ATTACHED = 0x08;
export const ACK = 0x09;
export const DETACHED = 0x0a;
export const PADDING = 0x0b;
export const SKIP = 0x0c;

/** Whether a frame belongs to the attachment, not to a flow. @param {number} type */
export function isOfAttachment(type) {
  return type >= ATTACHED && type <= SKIP;
}

/**
 * Where the frame that begins at `at` ends; 0 as long as it is not there whole.
 *
 * @param {Uint8Array} bytes
 * @param {number} at
 */
export function frameEnd(bytes, at) {
  const lengthAt = at + 1;
  if (lengthAt >= bytes.length) return 0;
  const lengthBytes = 1 << (bytes[lengthAt] >> 6);
  const payloadAt = lengthAt + lengthBytes;
  if (payloadAt > bytes.length) return 0;
  let length = bytes[lengthAt] & 0x3f;
  for (let index = lengthAt + 1; index < payloadAt; index += 1) length = length * 256 + bytes[index];
  const end = payloadAt + length;
  if (end - at > MAX_BATCH_BYTES) throw new Violation("batch too large");
  return end <= bytes.length ? end : 0;
}

/** How many frames there are in whole frames. @param {Uint8Array} bytes */
export function countFrames(bytes) {
  let count = 0;
  for (let at = 0; at < bytes.length; count += 1) at = endOf(bytes, at);
  return count;
}

/** What is left behind the first of some whole frames. @param {Uint8Array} bytes @param {number} count */
export function behindFrames(bytes, count) {
  let at = 0;
  for (let index = 0; index < count; index += 1) at = endOf(bytes, at);
  return bytes.subarray(at);
}

/** As many of some whole frames as have so many bytes together, but one at least. @param {Uint8Array} bytes @param {number} most */
export function firstFrames(bytes, most) {
  let count = 1;
  let end = endOf(bytes, 0);
  for (let next = end; next < bytes.length; count += 1) {
    next = endOf(bytes, end);
    if (next > most) break;
    end = next;
  }
  return { bytes: bytes.subarray(0, end), count };
}

/** @param {Uint8Array} bytes @param {number} at */
function endOf(bytes, at) {
  const end = frameEnd(bytes, at);
  if (end === 0) throw new Violation("cut frame");
  return end;
}

/** The payload of the whole frame between these. @param {Uint8Array} bytes @param {number} at @param {number} end */
export function payloadOf(bytes, at, end) {
  const cursor = new Cursor(bytes.subarray(at + 1, end));
  return cursor.take(cursor.varint());
}

/** The one varint of an ACK, a DETACHED or a SKIP. @param {Uint8Array} payload */
export function numberOf(payload) {
  const cursor = new Cursor(payload);
  const number = cursor.varint();
  if (!cursor.isAtEnd) throw new Violation("bad control frame");
  return number;
}

/** @param {typeof ACK | typeof SKIP} type @param {number} position */
export function positionFrame(type, position) {
  return numbersFrame(type, [position]);
}

/**
 * What ATTACHED tells.
 *
 * @typedef {object} Attached
 * @property {string} session
 * @property {number} received how many frames of our flow the server has
 * @property {number} after how many frames of its own lie before the next one here
 * @property {number} keepMs how long it keeps a session without an attachment
 *
 * @param {Uint8Array} payload
 * @returns {Attached}
 */
export function attachedOf(payload) {
  const cursor = new Cursor(payload);
  /** @type {Map<number, Uint8Array>} */
  const parameters = new Map();
  while (!cursor.isAtEnd) {
    const id = cursor.varint();
    if (parameters.has(id)) throw new Violation("bad parameter");
    parameters.set(id, cursor.take(cursor.varint()));
  }
  const [session, received, after, keep] = [1, 2, 3, 4].map((id) => {
    const value = parameters.get(id);
    if (!value || value.length === 0) throw new Violation("bad parameter");
    return value;
  });
  return {
    session: String.fromCharCode(...session),
    received: numberOf(received),
    after: numberOf(after),
    keepMs: numberOf(keep),
  };
}
