/**
 * The chat by each of its doors. All links look the same: what comes is JSON text, what is sent is JSON text.
 *
 * @typedef {import("./reconnect.js").LinkState} LinkState
 * @typedef {import("./reconnect.js").LinkEvents} LinkEvents
 * @typedef {object} Link
 * @property {(text: string) => boolean} send whether the link took it
 * @property {() => void} close
 * @typedef {"websocket" | "event-stream" | "stream" | "long-poll" | "poll"} Via
 */

import { socketOrigin } from "./dom.js";
import { ReconnectingSocket } from "./reconnect.js";

/** What each transport is called, and how it works. @type {Record<Via, { label: string, how: string }>} */
export const TRANSPORTS = {
  websocket: { label: "WebSocket", how: "one connection, both ways" },
  "event-stream": { label: "EventSource", how: "an event stream down, POST up" },
  stream: { label: "fetch stream", how: "lines of a response without an end, POST up" },
  "long-poll": { label: "long polling", how: "a request that waits for its answer, again and again" },
  poll: { label: "polling", how: "asks every ten seconds, so it hears late and misses nothing" },
};

const CHANNEL = "/channels/chat";
const HISTORY = 50;
const POLL_MS = 10_000;
const PRESENCE_MS = 4_000;
const RETRY_MS = 2_000;

/**
 * @param {Via} via
 * @param {string} name what the others see
 * @param {LinkEvents} events
 * @returns {Link}
 */
export function openLink(via, name, events) {
  const query = `name=${encodeURIComponent(name)}`;
  if (via === "websocket") return new ReconnectingSocket(`${socketOrigin}/chat?${query}`, events);
  if (via === "event-stream") return new EventLink(query, events);
  return new FetchLink(via, query, events);
}

/** What the links over HTTP have in common: POST up, and a look at who is there now and then. */
class HttpLink {
  /** @param {string} query @param {LinkEvents} events */
  constructor(query, events) {
    this.query = query;
    this.events = events;
    this.isOpen = false;
    this.ending = new AbortController();
    this.presence = setInterval(() => this.lookAround(), PRESENCE_MS);
    events.onState("connecting", 0);
  }

  /** @param {string} text */
  send(text) {
    if (!this.isOpen) return false;
    const sent = fetch(`/publish?${this.query}`, { method: "POST", body: text });
    sent.then(({ ok }) => ok || this.lost(), () => this.lost());
    return true;
  }

  close() {
    clearInterval(this.presence);
    this.ending.abort();
  }

  open() {
    if (this.isOpen || this.ending.signal.aborted) return;
    this.isOpen = true;
    this.events.onState("open", 0);
    this.lookAround();
  }

  lost() {
    if (this.ending.signal.aborted) return;
    this.isOpen = false;
    this.events.onState("waiting", RETRY_MS / 1000);
  }

  async lookAround() {
    if (!this.isOpen) return;
    try {
      const response = await fetch("/chat/present", { signal: this.ending.signal });
      if (response.ok) this.events.onText(await response.text());
    } catch {
      // The link itself finds out.
    }
  }
}

class EventLink extends HttpLink {
  /** @param {string} query @param {LinkEvents} events */
  constructor(query, events) {
    super(query, events);
    this.connect();
  }

  connect() {
    const source = new EventSource(`${CHANNEL}?${this.query}`);
    source.onopen = () => this.open();
    source.onmessage = ({ data }) => this.events.onText(data);
    source.addEventListener("gap", ({ data }) => this.events.onText(`{"gap":${data}}`));
    source.onerror = () => {
      this.lost();
      // It comes back by itself after most losses, and not after a refusal.
      if (source.readyState === EventSource.CLOSED) this.timer = setTimeout(() => this.connect(), RETRY_MS);
    };
    this.ending.signal.addEventListener("abort", () => {
      clearTimeout(this.timer);
      source.close();
    });
  }
}

class FetchLink extends HttpLink {
  /** @param {Via} via @param {string} query @param {LinkEvents} events */
  constructor(via, query, events) {
    super(query, events);
    this.via = via;
    this.after = `-${HISTORY}`;
    this.run();
  }

  async run() {
    while (!this.ending.signal.aborted) {
      try {
        await this.ask();
        if (this.via === "poll") await this.pause(POLL_MS);
      } catch {
        this.lost();
        await this.pause(RETRY_MS);
      }
    }
  }

  async ask() {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/x-ndjson" };
    if (this.via !== "stream") headers.Prefer = this.via === "poll" ? "wait=0" : "wait=30";
    const url = `${CHANNEL}?${this.query}&after=${this.after}`;
    // A poll that waits has not failed: the link stands from the beginning.
    if (this.via === "long-poll") this.open();
    const response = await fetch(url, { headers, signal: this.ending.signal });
    if (!response.ok) throw new Error(response.statusText);
    this.open();
    this.after = response.headers.get("Tidegate-Position") ?? this.after;
    if (!response.body || response.status === 204) return;
    for await (const line of lines(response.body)) this.receive(line);
  }

  /** @param {string} line */
  receive(line) {
    if (!line) return;
    const { position, data, gap } = JSON.parse(line);
    if (gap) this.events.onText(JSON.stringify({ gap }));
    this.after = position ?? gap?.to ?? this.after;
    if (typeof data === "string") this.events.onText(data);
  }

  /** @param {number} ms */
  pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.ending.signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve(undefined);
      });
    });
  }
}

/** @param {ReadableStream<Uint8Array>} body */
async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}
