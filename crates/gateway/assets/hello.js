/** The tutorial greeting: one classic WebSocket and its four events, as they happen. */

import { byId, socketOrigin } from "./dom.js";

/** @typedef {"open" | "message" | "close" | "error"} EventName */

/** Starts the greeting. */
export function startHello() {
  const form = byId("hello-form", HTMLFormElement);
  const name = byId("hello-name", HTMLInputElement);
  const button = byId("hello-send", HTMLButtonElement);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    await greet(name.value.trim() || "John", new Timeline());
    button.disabled = false;
  });
}

/**
 * @param {string} name
 * @param {Timeline} timeline
 * @returns {Promise<void>} settles when the socket has closed
 */
function greet(name, timeline) {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${socketOrigin}/hello`);

    socket.onopen = () => {
      socket.send(`My name is ${name}`);
      timeline.happened("open", `The page sends “My name is ${name}”.`);
    };
    socket.onmessage = (event) => {
      timeline.happened("message", `“${String(event.data).slice(0, 200)}”`);
    };
    socket.onclose = (event) => {
      const { code, reason, wasClean } = event;
      timeline.happened("close", `code ${code}, reason “${reason}”, wasClean ${wasClean}`);
      timeline.end(wasClean);
      resolve();
    };
    socket.onerror = () => {
      timeline.happened("error", "The connection failed. The event says no more, by design.");
    };
  });
}

class Timeline {
  #started = performance.now();

  constructor() {
    for (const row of rows()) {
      row.dataset.state = "waiting";
      part(row, "detail").textContent = "waiting";
      part(row, "time").textContent = "";
    }
  }

  /** @param {EventName} name @param {string} detail */
  happened(name, detail) {
    const row = rows().find((candidate) => candidate.dataset.event === name);
    if (!row) return;
    row.dataset.state = "happened";
    part(row, "detail").textContent = detail;
    part(row, "time").textContent = `${Math.round(performance.now() - this.#started)} ms`;
  }

  /** @param {boolean} wasClean */
  end(wasClean) {
    for (const row of rows()) {
      if (row.dataset.state !== "waiting") continue;
      row.dataset.state = "absent";
      const expected = row.dataset.event === "error" && wasClean;
      part(row, "detail").textContent = expected ? "Did not happen: all went well." : "Did not happen.";
    }
  }
}

/** @returns {HTMLElement[]} */
function rows() {
  return [...byId("hello-timeline", HTMLOListElement).querySelectorAll("li")];
}

/** @param {HTMLElement} row @param {"detail" | "time"} name */
function part(row, name) {
  const element = row.querySelector(`.event-${name}`);
  if (!element) throw new Error(`no .event-${name}`);
  return element;
}
