import { Violation } from "./violation.js";

/**
 * What an END says, which is what a Close may say (RFC 6455 §7.4).
 *
 * @param {Uint8Array} payload
 * @param {boolean} isInside whether it comes inside a message, which only some codes explain
 * @returns {import("../websocket/close_info.js").CloseInfo}
 */
export function endOf(payload, isInside) {
  const info = infoOf(payload);
  if (isInside && !(info.closeCode !== null && GIVES_UP.includes(info.closeCode))) {
    throw new Violation("end inside message");
  }
  return info;
}

/** @param {Uint8Array} payload */
function infoOf(payload) {
  if (payload.length === 0) return { closeCode: null, reason: "" };
  if (payload.length === 1 || payload.length > 2 + MAX_REASON_BYTES) throw new Violation("bad end");
  const closeCode = (payload[0] << 8) | payload[1];
  const isAllowed =
    (closeCode >= 1000 && closeCode <= 1003) ||
    (closeCode >= 1007 && closeCode <= 1014) ||
    (closeCode >= 3000 && closeCode <= 4999);
  if (!isAllowed) throw new Violation("bad end");
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return { closeCode, reason: decoder.decode(payload.subarray(2)) };
  } catch {
    throw new Violation("not UTF-8");
  }
}

/** Codes of an endpoint that fails the connection, or cannot finish a message. */
const GIVES_UP = [1002, 1007, 1009, 1011];

const MAX_REASON_BYTES = 123;
