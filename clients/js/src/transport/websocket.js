import { BROKEN, SILENCE_MS } from "./attachment.js";
import { TIDEGATE } from "../websocket/carrier/over_websocket.js";
import { attachmentUrl } from "./request.js";

/**
 * A WebSocket: both flows, in binary messages of whole frames.
 *
 * @param {import("./attachment.js").Order} order
 * @param {import("./attachment.js").AttachmentEvents} events
 * @returns {import("./attachment.js").Attachment}
 */
export function attachWebSocket(order, events) {
  const socket = new order.platform.WebSocket(attachmentUrl(order, "websocket"), [TIDEGATE, ...order.protocols]);
  let isOver = false;
  const end = (/** @type {import("./attachment.js").Ending} */ how) => {
    if (isOver) return;
    isOver = true;
    socket.close();
    events.onEnd(how);
  };
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => {
    if (isOver) return;
    if (socket.protocol === TIDEGATE) events.onBegin();
    else end(BROKEN);
  });
  socket.addEventListener("message", ({ data }) => {
    if (isOver) return;
    events.onHeard();
    if (typeof data === "string") return end(BROKEN);
    try {
      events.onBytes(new Uint8Array(data));
    } catch {
      end(BROKEN);
    }
  });
  // Not every runtime tells a `close` when it never opened.
  socket.addEventListener("error", () => end(BROKEN));
  socket.addEventListener("close", ({ code }) => end(endingOf(code)));
  return {
    silenceMs: SILENCE_MS,
    send: (frames) => {
      if (!isOver && socket.readyState === OPEN) socket.send(frames);
    },
    close: () => {
      isOver = true;
      socket.close();
    },
  };
}

/** @param {number} code @returns {import("./attachment.js").Ending} */
function endingOf(code) {
  if (code <= 4400 || code >= 4500) return BROKEN;
  return { status: code - 4000, isLost: code === 4404 || code === 4410 };
}

/** `WebSocket.OPEN`. */
const OPEN = 1;
