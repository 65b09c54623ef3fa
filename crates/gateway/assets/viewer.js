/** What everybody uploads: uploads are announced in one channel, and each has a channel for its progress. */

import { ProgressBar } from "./progress_bar.js";
import { ReconnectingSocket } from "./reconnect.js";
import { byId, create, socketOrigin } from "./dom.js";

/** Where uploads are announced, by whoever wants others to see them. */
const ANNOUNCEMENTS = "/channels/uploads";

/** Where progress is: what is announced leads nowhere else. */
const PROGRESS = /^\/channels\/upload-[0-9a-z]+$/;

const MOST_SHOWN = 12;
const MOST_NAME_CHARS = 200;

/** @type {Map<string, { element: HTMLElement, socket: ReconnectingSocket }>} by their channels */
const watched = new Map();

/**
 * Tells everybody of an upload, where it has a channel.
 *
 * @param {{ name: string, length: number, monitor: string }} upload
 */
export function announce({ name, length, monitor }) {
  if (!monitor) return;
  const { pathname: channel, origin } = new URL(monitor, location.href);
  if (origin !== location.origin || watched.has(channel)) return;
  const body = JSON.stringify({ name, length, channel });
  // Who looks on does without it.
  fetch(ANNOUNCEMENTS, { method: "POST", body }).catch(() => {});
}

/** Begins to look on. */
export function startViewer() {
  const [dot, text] = [byId("viewer-state", HTMLElement), byId("viewer-state-text", HTMLElement)];
  new ReconnectingSocket(`${socketOrigin}${ANNOUNCEMENTS}`, {
    onState: (state) => {
      dot.dataset.state = state;
      text.textContent = { connecting: "Connecting", open: "Looking on", waiting: "Trying again" }[state];
    },
    onText: (said) => {
      const { name, channel } = parsed(said);
      const isOne = typeof name === "string" && typeof channel === "string" && PROGRESS.test(channel);
      if (isOne && !watched.has(channel)) watch(channel, name.slice(0, MOST_NAME_CHARS));
    },
  });
}

/** @param {string} channel @param {string} name */
function watch(channel, name) {
  const element = create("li", "upload");
  const head = create("div", "upload-head");
  const pill = create("span", "state", "begins");
  const bar = new ProgressBar();
  bar.isMoving = true;
  head.append(create("span", "upload-name", name), pill);
  element.append(head, bar.element, bar.figures);
  byId("viewer", HTMLUListElement).prepend(element);
  byId("viewer-empty", HTMLElement).hidden = true;
  const socket = new ReconnectingSocket(`${socketOrigin}${channel}`, {
    onState: () => {},
    onText: (said) => {
      const { offset, length, complete, gone } = parsed(said);
      if (typeof offset !== "number") return;
      const state = gone ? "failed" : complete ? "done" : "uploading";
      bar.isMoving = state === "uploading";
      bar.set({ durable: offset, sent: offset, total: typeof length === "number" ? length : null });
      element.dataset.state = pill.dataset.state = state;
      pill.textContent = gone ? "removed" : complete ? "done" : "uploading";
      if (state !== "uploading") socket.close();
    },
  });
  watched.set(channel, { element, socket });
  if (watched.size > MOST_SHOWN) forgetOldest();
}

function forgetOldest() {
  const [[channel, { element, socket }]] = watched;
  socket.close();
  element.remove();
  watched.delete(channel);
}

/** @param {string} text @returns {any} */
function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
