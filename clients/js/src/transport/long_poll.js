import { BROKEN, FRAMES_TYPE } from "./attachment.js";
import { attachmentUrl, getBody, overHttp } from "./request.js";
import { takePlace } from "./places.js";

/** How long the server holds a request for which it has nothing, in seconds. */
const WAIT_S = 25;

/** How much longer than that an answer may take. */
const GRACE_MS = 20_000;

/**
 * Long polling: one request after the other, each answered when there is something. The first is a poll, which is
 * answered at once, so that it soon shows whether this goes; one that opens a session is answered with a greeting.
 *
 * @param {import("./attachment.js").Order} order
 * @param {import("./attachment.js").AttachmentEvents} events
 * @returns {import("./attachment.js").Attachment}
 */
export function attachLongPoll(order, events) {
  const abort = new AbortController();
  const ask = async () => {
    const release = await takePlace(overHttp(order.url), abort.signal);
    let end = release ? undefined : BROKEN;
    let isPoll = order.position().session !== "";
    while (!end && !abort.signal.aborted) {
      const url = isPoll ? attachmentUrl(order, "poll") : attachmentUrl(order, "long-poll", { wait: WAIT_S });
      isPoll = false;
      end = await getAnswer(order, events, url, abort.signal);
    }
    release?.();
    return end ?? BROKEN;
  };
  ask().then((end) => {
    const isClosed = abort.signal.aborted;
    abort.abort();
    if (!isClosed) events.onEnd(end);
  });
  return { silenceMs: WAIT_S * 1000 + GRACE_MS, close: () => abort.abort() };
}

/**
 * One answer of a poll.
 *
 * @param {import("./attachment.js").Order} order
 * @param {import("./attachment.js").AttachmentEvents} events
 * @param {string} url
 * @param {AbortSignal} signal
 */
export function getAnswer({ platform }, events, url, signal) {
  return getBody({
    url,
    type: FRAMES_TYPE,
    platform,
    signal,
    onBegin: () => {
      events.onHeard();
      events.onBegin();
    },
    onChunk: (chunk) => {
      events.onHeard();
      events.onBytes(chunk);
    },
  });
}
