import { BROKEN, FRAMES_TYPE, SILENCE_MS } from "./attachment.js";
import { attachmentUrl, getHeldBody } from "./request.js";

/**
 * The body of a `fetch` that stays open.
 *
 * @param {import("./attachment.js").Order} order
 * @param {import("./attachment.js").AttachmentEvents} events
 * @returns {import("./attachment.js").Attachment}
 */
export function attachStream(order, events) {
  const abort = new AbortController();
  const reading = getHeldBody({
    url: () => attachmentUrl(order, "stream"),
    type: FRAMES_TYPE,
    platform: order.platform,
    signal: abort.signal,
    onBegin: events.onBegin,
    onChunk: (chunk) => {
      events.onHeard();
      events.onBytes(chunk);
    },
  });
  reading.then((end) => {
    const isClosed = abort.signal.aborted;
    abort.abort();
    if (!isClosed) events.onEnd(end ?? BROKEN);
  });
  return { silenceMs: SILENCE_MS, close: () => abort.abort() };
}
