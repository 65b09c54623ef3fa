/** One upload of this page: what is seen of it, and its buttons. */

import { UploadError, discard, upload } from "/tidegate/upload.js";
import { create } from "./dom.js";
import { ProgressBar } from "./progress_bar.js";
import { announce } from "./viewer.js";

/** @typedef {"waiting" | "uploading" | "retrying" | "paused" | "done" | "failed"} RowState */

/** @type {Record<RowState, string>} */
const STATES = {
  waiting: "choose it again",
  uploading: "uploading",
  retrying: "trying again",
  paused: "paused",
  done: "done",
  failed: "failed",
};

const UPLOADS = "/uploads";

export class UploadRow {
  /** @type {RowState} */
  state = "waiting";
  durable = 0;
  element = create("li", "upload");
  #bar = new ProgressBar();
  #pill = create("span", "state");
  #note = create("p", "upload-note");
  #buttons = create("div", "buttons");
  #events;
  /** @type {File | undefined} */
  #file;
  #control = new AbortController();
  /** The upload that is under way, settled when there is none. */
  #running = Promise.resolve();
  #link = "";

  /**
   * @param {import("./upload.js").Remembered} what
   * @param {{ onchange: () => void, onremove: () => void }} events
   */
  constructor({ fingerprint, name, size, durable }, events) {
    this.fingerprint = fingerprint;
    this.name = name;
    this.size = size;
    this.#events = events;
    const head = create("div", "upload-head");
    head.append(create("span", "upload-name", name), this.#pill);
    this.element.append(head, this.#buttons, this.#bar.element, this.#bar.figures, this.#note);
    this.#advance({ durable, sent: durable, total: size });
    this.#become("waiting");
  }

  /** Whether nothing more will come of it. */
  get isOver() {
    return this.state === "done" || this.state === "failed";
  }

  /** Begins, or goes on. @param {File} [file] */
  start(file = this.#file) {
    if (!file || this.state === "uploading" || this.state === "retrying") return;
    this.#file = file;
    this.#control = new AbortController();
    this.#become("uploading");
    this.#bar.restart();
    const before = this.#running;
    this.#running = before.then(() => this.#upload(file, this.#control.signal));
  }

  /** Stops for now. What the server has, it keeps. */
  pause() {
    this.#control.abort();
    this.#become("paused");
  }

  /** Stops for good: the server forgets it. */
  async remove() {
    this.#control.abort();
    this.element.remove();
    this.#events.onremove();
    this.#events.onchange();
    await this.#running;
    if (this.state !== "done") await discard(this.#file ?? new Blob(), UPLOADS, { fingerprint: this.fingerprint });
  }

  /** @param {File} file @param {AbortSignal} signal */
  async #upload(file, signal) {
    try {
      const { url } = await upload(file, UPLOADS, {
        fingerprint: this.fingerprint,
        signal,
        patience: Infinity,
        onbegin: ({ monitor }) => announce({ name: this.name, length: this.size, monitor }),
        onprogress: (progress) => {
          if (signal.aborted) return;
          // The last it may have failed to send is on its way again.
          if (progress.sent > progress.durable || progress.durable > this.durable) this.#become("uploading");
          this.#advance(progress);
        },
        onretry: ({ message }, delay) => {
          if (delay > WORTH_TELLING_MS) this.#become("retrying", message);
        },
      });
      this.#link = url;
      this.#become("done");
    } catch (error) {
      if (signal.aborted) return;
      const message = error instanceof UploadError ? error.message : `${error}`;
      // Another tab may finish it, so it can be gone on with here.
      this.#become(error instanceof UploadError && error.kind === "busy" ? "paused" : "failed", message);
    }
  }

  /** @param {import("/tidegate/upload.js").UploadProgress} progress */
  #advance(progress) {
    const isNews = progress.durable !== this.durable;
    this.durable = progress.durable;
    this.#bar.set(progress);
    if (isNews) this.#events.onchange();
  }

  /** @param {RowState} state @param {string} [note] */
  #become(state, note = "") {
    this.#note.textContent = note;
    this.#note.hidden = !note;
    if (state === this.state && this.#buttons.childElementCount > 0) return;
    this.state = state;
    this.element.dataset.state = state;
    this.#pill.dataset.state = state;
    this.#pill.textContent = STATES[state];
    this.#bar.isMoving = state === "uploading";
    const isRunning = state === "uploading" || state === "retrying";
    this.#buttons.replaceChildren(
      ...(isRunning ? [this.#button("Pause", () => this.pause())] : []),
      ...(state === "paused" ? [this.#button("Resume", () => this.start())] : []),
      ...(state === "failed" && this.#file ? [this.#button("Try again", () => this.start())] : []),
      ...(state === "done" ? [this.#download()] : []),
      this.#button(state === "done" ? "Hide" : "Remove", () => void this.remove()),
    );
    this.#events.onchange();
  }

  /** @param {string} text @param {() => void} run */
  #button(text, run) {
    const button = create("button", "", text);
    button.setAttribute("type", "button");
    button.setAttribute("aria-label", `${text} ${this.name}`);
    button.addEventListener("click", run);
    return button;
  }

  #download() {
    const link = create("a", "open", "Download");
    link.setAttribute("href", this.#link);
    link.setAttribute("download", this.name);
    return link;
  }
}

/** A pause that nobody notices is not worth a word. */
const WORTH_TELLING_MS = 1500;
