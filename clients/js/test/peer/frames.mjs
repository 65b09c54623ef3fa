// Frames of tidegate.v1 for a peer of the tests: written from docs/protocol.md alone, apart from the package.

/** @param {number} number */
export function varint(number) {
  if (number < 64) return Buffer.from([number]);
  if (number < 16_384) return Buffer.from([0x40 | (number >> 8), number & 0xff]);
  const bytes = Buffer.alloc(number < 2 ** 30 ? 4 : 8);
  if (bytes.length === 4) bytes.writeUInt32BE(number + 2 ** 31);
  else bytes.writeBigUInt64BE(BigInt(number) + (3n << 62n));
  return bytes;
}

/** @param {number} type @param {...(number | Uint8Array | string)} parts numbers are varints, strings UTF-8 */
export function frame(type, ...parts) {
  const payload = Buffer.concat(parts.map((part) => (typeof part === "number" ? varint(part) : Buffer.from(part))));
  return Buffer.concat([Buffer.from([type]), varint(payload.length), payload]);
}

/** @param {{ code?: number, reason?: string }} info */
export function end({ code, reason = "" }) {
  if (code === undefined) return frame(0x07);
  return frame(0x07, Buffer.from([code >> 8, code & 0xff]), reason);
}

/** @param {number} limit @param {string} [protocol] */
export function welcome(limit, protocol) {
  const parameter = (/** @type {number} */ id, /** @type {Buffer} */ value) => [id, value.length, value];
  const named = protocol ? parameter(3, Buffer.from(protocol)) : [];
  return frame(0x02, 1, ...parameter(1, varint(limit)), ...parameter(2, varint(1 << 24)), ...named);
}

/** The number at the beginning, and what is behind it. @param {Buffer} bytes @returns {[number, Buffer]} */
export function number(bytes) {
  const length = 1 << (bytes[0] >> 6);
  let value = BigInt(bytes[0] & 0x3f);
  for (const byte of bytes.subarray(1, length)) value = (value << 8n) | BigInt(byte);
  return [Number(value), bytes.subarray(length)];
}

/** @param {Buffer} batch @returns {{ type: number, payload: Buffer }[]} */
export function framesOf(batch) {
  const frames = [];
  for (let rest = batch; rest.length > 0;) {
    const [length, behind] = number(rest.subarray(1));
    if (behind.length < length) throw new Error("a frame is cut");
    frames.push({ type: rest[0], payload: behind.subarray(0, length) });
    rest = behind.subarray(length);
  }
  return frames;
}
