import { BROKEN, SILENCE_MS } from "./attachment.js";
import { attachmentUrl } from "./request.js";
import { getAnswer } from "./long_poll.js";

/** How soon is asked again when something came, and at most how seldom when nothing does. */
const SOON_MS = 50;
const SELDOM_MS = 3000;

/**
 * Polling: it asks, is answered at once, and asks again. The longer nothing comes, the more seldom.
 *
 * @param {import("./attachment.js").Order} order
 * @param {import("./attachment.js").AttachmentEvents} events
 * @returns {import("./attachment.js").Attachment}
 */
export function attachPoll(order, events) {
  const abort = new AbortController();
  let wait = SOON_MS;
  /** @type {any} */
  let timer;
  let goOn = () => {};
  const ask = async () => {
    for (;;) {
      const before = order.position().after;
      const end = await getAnswer(order, events, attachmentUrl(order, "poll"), abort.signal);
      if (end || abort.signal.aborted) return end ?? BROKEN;
      wait = order.position().after > before ? SOON_MS : Math.min(2 * wait, SELDOM_MS);
      await new Promise((resolve) => {
        goOn = () => resolve(undefined);
        timer = order.platform.setTimeout(goOn, wait);
      });
    }
  };
  ask().then((end) => abort.signal.aborted || events.onEnd(end));
  return {
    silenceMs: SILENCE_MS,
    nudge: () => {
      wait = SOON_MS;
      order.platform.clearTimeout(timer);
      timer = order.platform.setTimeout(goOn, wait);
    },
    close: () => {
      abort.abort();
      order.platform.clearTimeout(timer);
      goOn();
    },
  };
}
