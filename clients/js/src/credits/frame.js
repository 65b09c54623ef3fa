import { putVarint, varintLength } from "./varint.js";

/** The types of frames (docs/protocol.md, section 2). */
export const HELLO = 0x01;
export const WELCOME = 0x02;
export const CREDIT = 0x03;
export const BLOCKED = 0x04;
export const PING = 0x05;
export const PONG = 0x06;
export const END = 0x07;
export const TEXT = 0x10;
export const BINARY = 0x11;
export const FIRST_TEXT = 0x12;
export const FIRST_BINARY = 0x13;
export const NEXT = 0x14;
export const LAST = 0x15;
export const APART = 0x16;

/** How many bytes a batch may have. */
export const MAX_BATCH_BYTES = 131_072;

/** What a message costs beyond its payload. */
export const MESSAGE_COST = 32;

/**
 * A whole frame.
 *
 * @param {number} type
 * @param {Uint8Array} payload is copied
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function frame(type, payload) {
  const head = 1 + varintLength(payload.length);
  const bytes = new Uint8Array(head + payload.length);
  bytes[0] = type;
  putVarint(bytes, 1, payload.length);
  bytes.set(payload, head);
  return bytes;
}

/**
 * A frame whose payload is some varints.
 *
 * @param {number} type
 * @param {number[]} numbers
 */
export function numbersFrame(type, numbers) {
  const payload = new Uint8Array(numbers.reduce((sum, number) => sum + varintLength(number), 0));
  let offset = 0;
  for (const number of numbers) offset = putVarint(payload, offset, number);
  return frame(type, payload);
}

/** @param {import("../websocket/close_info.js").CloseInfo} info */
export function endFrame({ closeCode, reason }) {
  if (closeCode === null) return frame(END, new Uint8Array());
  const text = new TextEncoder().encode(reason);
  const payload = new Uint8Array(2 + text.length);
  new DataView(payload.buffer).setUint16(0, closeCode);
  payload.set(text, 2);
  return frame(END, payload);
}

/** One batch of several frames. @param {Uint8Array[]} frames @returns {Uint8Array<ArrayBuffer>} */
export function joined(frames) {
  const bytes = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of frames) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
