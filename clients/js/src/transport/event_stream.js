import { BROKEN, SILENCE_MS } from "./attachment.js";
import { attachmentUrl, getHeldBody } from "./request.js";

/**
 * Server-Sent Events, read by `fetch`: an `EventSource` tells neither a status nor that it goes on elsewhere.
 *
 * @param {import("./attachment.js").Order} order
 * @param {import("./attachment.js").AttachmentEvents} events
 * @returns {import("./attachment.js").Attachment}
 */
export function attachEventStream(order, events) {
  const abort = new AbortController();
  const lines = new DataLines((data) => events.onBytes(bytesOf(data)));
  const reading = getHeldBody({
    url: () => attachmentUrl(order, "sse"),
    type: "text/event-stream",
    platform: order.platform,
    signal: abort.signal,
    onBegin: events.onBegin,
    onChunk: (chunk) => {
      events.onHeard();
      lines.receive(chunk);
    },
  });
  reading.then((end) => {
    const isClosed = abort.signal.aborted;
    abort.abort();
    if (!isClosed) events.onEnd(end ?? BROKEN);
  });
  return { silenceMs: SILENCE_MS, close: () => abort.abort() };
}

/** What the `data` fields of an event stream hold, event by event (HTML, section 9.2.6). Other fields are skipped. */
export class DataLines {
  #onData;
  #decoder = new TextDecoder();
  /** The line that has not ended. */
  #rest = "";
  #data = "";

  /** @param {(data: string) => void} onData */
  constructor(onData) {
    this.#onData = onData;
  }

  /** @param {Uint8Array} chunk */
  receive(chunk) {
    const text = this.#rest + this.#decoder.decode(chunk, { stream: true });
    // A CR that is last may be half of an end, so it waits for what follows.
    const ends = /\r\n|\n|\r(?!$)/g;
    ends.lastIndex = Math.max(0, this.#rest.length - 1);
    let at = 0;
    for (let end = ends.exec(text); end; end = ends.exec(text)) {
      this.#line(text.slice(at, end.index));
      at = ends.lastIndex;
    }
    this.#rest = text.slice(at);
    if (this.#rest.length > MAX_LINE) throw new RangeError("a line without end");
  }

  /** @param {string} line */
  #line(line) {
    if (line.startsWith("data:")) this.#data += line.slice("data:".length).trim();
    if (line !== "" || this.#data === "") return;
    const data = this.#data;
    this.#data = "";
    this.#onData(data);
  }
}

/** Far more than a batch in base64. */
const MAX_LINE = 4 << 20;

/** @param {string} data base64 */
function bytesOf(data) {
  const { fromBase64 } = /** @type {any} */ (Uint8Array);
  if (fromBase64) return fromBase64.call(Uint8Array, data);
  const text = atob(data);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index += 1) bytes[index] = text.charCodeAt(index);
  return bytes;
}
