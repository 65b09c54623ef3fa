/** One upload of this page: what is seen of it, and its buttons. */

import { UploadError, discard, upload } from "/tidegate/upload.js";
import { create } from "./dom.js";
import { ProgressBar } from "./progress_bar.js";
import { announce } from "./viewer.js";
import { fileOf, fingerprintOf, onChosen } from "./chosen.js";
import { forget, handleOf, remember, rememberHandle } from "./kept.js";

/** @typedef {"waiting" | "uploading" | "retrying" | "paused" | "done" | "failed"} RowState */

/** @type {Record<RowState, string>} */
const STATES = {
  waiting: "unfinished",
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
  element = create("li", "upload");
  #what;
  #bar = new ProgressBar();
  #pill = create("span", "state");
  #note = create("p", "upload-note");
  #buttons = create("div", "buttons");
  #onremove;
  /** @type {File | undefined} */
  #file;
  /** By which to have the file again after a reload. @type {import("./chosen.js").FileHandle | undefined} */
  #handle;
  #isRemoved = false;
  #control = new AbortController();
  /** The upload that is under way, settled when there is none. */
  #running = Promise.resolve();

  /** @param {import("./kept.js").Remembered} what @param {() => void} onremove */
  constructor(what, onremove) {
    this.#what = { ...what };
    this.#onremove = onremove;
    const { name, size, durable } = what;
    const head = create("div", "upload-head");
    head.append(create("span", "upload-name", name), this.#pill);
    this.element.append(head, this.#buttons, this.#bar.element, this.#bar.figures, this.#note);
    this.#bar.set({ durable, sent: durable, total: size });
    this.#become("waiting");
  }

  /** Whether nothing more will come of it. */
  get isOver() {
    return this.state === "done" || this.state === "failed";
  }

  /** Finds out what a reload has left: how to have the file again, and how much of it the server has. */
  async recall() {
    const { fingerprint, size, url } = this.#what;
    const [handle, there] = await Promise.all([handleOf(fingerprint), bytesThere(url, fingerprint)]);
    if (this.state !== "waiting" || this.#isRemoved) return;
    this.#handle = handle;
    if (there !== undefined) this.#advance({ durable: there, sent: there, total: size });
    // The page may have been left just before it was told that all is there.
    if (there === size) this.#become("done");
    else this.#become("waiting", this.#howToGoOn());
  }

  /** Begins, or goes on. @param {Partial<import("./chosen.js").Chosen>} [chosen] */
  start({ file = this.#file, handle = undefined } = {}) {
    if (!file || this.state === "uploading" || this.state === "retrying") return;
    if (handle) rememberHandle(this.#what.fingerprint, (this.#handle = handle));
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
    this.#isRemoved = true;
    this.element.remove();
    this.#onremove();
    this.#keep();
    await this.#running;
    const { fingerprint } = this.#what;
    // Another tab may be at it. What nobody removes expires.
    if (this.state !== "done") await discard(this.#file ?? new Blob(), UPLOADS, { fingerprint }).catch(() => {});
  }

  /** Goes on with the file of the handle. */
  async #goOn() {
    const handle = /** @type {import("./chosen.js").FileHandle} */ (this.#handle);
    try {
      const file = await fileOf(handle);
      if (!file) return this.#become("waiting", "The browser was not allowed to read the file.");
      return this.#take({ file, handle });
    } catch {
      this.#handle = undefined;
      return this.#become("waiting", `The file is not where it was. ${this.#howToGoOn()}`);
    }
  }

  /** @param {import("./chosen.js").Chosen} chosen */
  #take(chosen) {
    if (fingerprintOf(chosen.file) === this.#what.fingerprint) return this.start(chosen);
    if (chosen.handle === this.#handle) this.#handle = undefined;
    const { name, size } = chosen.file;
    const which = name === this.#what.name ? "This file has changed" : `${name} is another file`;
    this.#become("waiting", `${which} (${size.toLocaleString()} bytes). ${this.#howToGoOn()}`);
  }

  #howToGoOn() {
    const { name, size, changed } = this.#what;
    if (this.#handle) return "The browser may ask whether this page may read the file again.";
    const date = changed > 0 ? `, last changed ${new Date(changed).toLocaleString()}` : "";
    return `To go on, choose the same file: ${name}, ${size.toLocaleString()} bytes${date}.`;
  }

  /** @param {File} file @param {AbortSignal} signal */
  async #upload(file, signal) {
    try {
      const { url } = await upload(file, UPLOADS, {
        fingerprint: this.#what.fingerprint,
        signal,
        patience: Infinity,
        onbegin: ({ monitor, url }) => {
          announce({ name: file.name, length: file.size, monitor });
          this.#what.url = url;
          this.#keep();
        },
        onprogress: (progress) => {
          if (signal.aborted) return;
          // The last it may have failed to send is on its way again.
          if (progress.sent > progress.durable || progress.durable > this.#what.durable) this.#become("uploading");
          this.#advance(progress);
        },
        onretry: ({ message }, delay) => {
          if (delay > WORTH_TELLING_MS) this.#become("retrying", message);
        },
      });
      this.#what.url = url;
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
    const isNews = progress.durable !== this.#what.durable;
    this.#what.durable = progress.durable;
    this.#bar.set(progress);
    if (isNews) this.#keep();
  }

  /** @param {RowState} state @param {string} [note] */
  #become(state, note = "") {
    this.#note.textContent = note;
    this.#note.hidden = !note;
    this.#note.classList.toggle("upload-hint", note === this.#howToGoOn());
    if (state === this.state && state !== "waiting") return;
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
      ...(state === "waiting" ? [this.#handle ? this.#button("Go on", () => void this.#goOn()) : this.#chooser()] : []),
      ...(state === "done" ? [this.#download()] : []),
      this.#button(state === "done" ? "Hide" : "Discard", () => void this.remove()),
    );
    this.#keep();
  }

  /** So that a reload finds it. */
  #keep() {
    if (this.isOver || this.#isRemoved) forget(this.#what.fingerprint);
    else remember(this.#what);
  }

  /** @param {string} text @param {() => void} run */
  #button(text, run) {
    const button = create("button", "", text);
    button.setAttribute("type", "button");
    button.setAttribute("aria-label", `${text} ${this.#what.name}`);
    button.addEventListener("click", run);
    return button;
  }

  #download() {
    const link = create("a", "open", "Download");
    link.setAttribute("href", this.#what.url);
    link.setAttribute("download", this.#what.name);
    return link;
  }

  #chooser() {
    const label = create("label", "choose", "Choose the same file");
    const input = document.createElement("input");
    input.type = "file";
    input.setAttribute("aria-label", `Choose ${this.#what.name} again`);
    onChosen(input, ([chosen]) => chosen && this.#take(chosen));
    label.append(input);
    return label;
  }
}

/**
 * How much of an upload the server has, where it tells. Whoever asks ends the body that is on its way, so nothing is
 * asked while another tab is at it.
 *
 * @param {string} url
 * @param {string} fingerprint
 * @returns {Promise<number | undefined>}
 */
async function bytesThere(url, fingerprint) {
  try {
    const { held = [] } = (await navigator.locks?.query()) ?? {};
    if (!url || held.some(({ name }) => name?.endsWith(`${UPLOADS} ${fingerprint}`))) return undefined;
    const response = await fetch(url, { method: "HEAD", headers: { "Tus-Resumable": "1.0.0" } });
    if (response.status === 404 || response.status === 410) return 0;
    return response.ok ? Number(response.headers.get("Upload-Offset")) : undefined;
  } catch {
    return undefined;
  }
}

/** A pause that nobody notices is not worth a word. */
const WORTH_TELLING_MS = 1500;
