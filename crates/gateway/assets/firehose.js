/**
 * The fire hose: the same server pushes at three sockets as fast as each takes it, into a page that
 * handles each message slowly on purpose. The classic one cannot make the server wait.
 *
 * @typedef {"ours" | "stream" | "classic"} LaneName
 */

import { byId, mebibytes, socketOrigin } from "./dom.js";
import { ClassicLane, hasWebSocketStream, openNative, openOurs, Pace, StreamLane } from "./lane.js";
import { axisTop, Plot } from "./plot.js";

const MESSAGE_BYTES = 16_384;
const RUN_SECONDS = 20;
const DRAW_MS = 100;
const POLL_MS = 250;
/** So many polls in a row without an answer: the server is gone. */
const POLL_FAILURES = 4;
/** How far back one looks to tell whether the server waits. */
const WAIT_WINDOW_SECONDS = 1;
const WAIT_TOLERANCE = 256 * 1024;

/** Starts the fire hose. */
export function startFirehose() {
  const pace = byId("hose-pace", HTMLInputElement);
  const speed = { perSecond: Number(pace.value) };
  const showPace = () => {
    speed.perSecond = Number(pace.value);
    byId("hose-pace-value", HTMLOutputElement).value = pace.value;
  };
  pace.addEventListener("input", showPace);
  showPace();

  const stream = new LaneView("stream");
  const views = [new LaneView("ours"), new LaneView("classic")];
  byId("stream-live", HTMLElement).hidden = !hasWebSocketStream;
  byId("stream-missing", HTMLElement).hidden = hasWebSocketStream;
  if (hasWebSocketStream) views.push(stream);
  else byId("stream-state", HTMLElement).textContent = "not in this browser";
  draw(views);

  /** @type {Run | undefined} */
  let run;
  const start = byId("hose-start", HTMLButtonElement);
  const stop = byId("hose-stop", HTMLButtonElement);
  start.addEventListener("click", async () => {
    start.disabled = true;
    stop.disabled = false;
    run = new Run(views, speed);
    stop.focus();
    await run.finished;
    const focused = document.activeElement === stop;
    stop.disabled = true;
    start.disabled = false;
    if (focused) start.focus();
  });
  stop.addEventListener("click", () => run?.stop());
}

/** All lanes, from the start to the sentence of the result. */
class Run {
  #started = performance.now();
  #clock = byId("hose-clock", HTMLElement);
  #bar = byId("hose-bar", HTMLProgressElement);

  /**
   * @param {LaneView[]} views
   * @param {{ perSecond: number }} speed
   */
  constructor(views, speed) {
    this.views = views;
    tell("running", `A run ends by itself after ${RUN_SECONDS} s.`);
    for (const view of views) view.begin(new Pace(speed), this.#started);
    const drawing = setInterval(() => this.#tick(), DRAW_MS);
    const limit = setTimeout(() => this.stop(), RUN_SECONDS * 1000);
    this.finished = Promise.all(views.map((view) => view.finished)).then(() => {
      clearInterval(drawing);
      clearTimeout(limit);
      this.#tick();
      tell("done", sentence(views));
    });
  }

  stop() {
    for (const view of this.views) view.stop();
  }

  #tick() {
    const seconds = Math.min(RUN_SECONDS, (performance.now() - this.#started) / 1000);
    this.#clock.textContent = `${seconds.toFixed(1)} s of ${RUN_SECONDS} s`;
    this.#bar.value = seconds;
    for (const view of this.views) view.sample();
    draw(this.views);
  }
}

/** One lane on the page: its socket, its numbers and its plot. */
class LaneView {
  /** @type {import("./plot.js").Sample[]} */
  samples = [];
  peak = 0;
  note = "";
  failed = false;
  full = false;
  waited = false;
  /** @type {Promise<void>} */
  finished = Promise.resolve();
  /** @type {import("./lane.js").Lane | undefined} */
  #lane;
  #running = false;
  #started = 0;
  #pushed = 0;
  #unreachable = false;

  /** @param {LaneName} name */
  constructor(name) {
    this.name = name;
    this.plot = new Plot(byId(`${name}-plot`, HTMLCanvasElement));
  }

  /**
   * @param {Pace} pace
   * @param {number} started
   */
  begin(pace, started) {
    const id = randomId();
    const url = `${socketOrigin}/firehose?id=${id}&size=${MESSAGE_BYTES}`;
    Object.assign(this, { samples: [], peak: 0, note: "", failed: false, full: false, waited: false });
    this.#pushed = 0;
    this.#unreachable = false;
    this.#started = started;
    this.#running = true;
    this.#lane = laneOf(this.name, url, pace);
    this.#state("connecting", "connecting");
    this.finished = this.#follow(this.#lane, id);
  }

  stop() {
    this.#lane?.stop();
  }

  /** Takes the numbers of this moment. */
  sample() {
    if (!this.#lane || !this.#running) return;
    const { received, handled, waiting } = this.#lane;
    const pushed = Math.max(this.#pushed, received); // what arrived was pushed, whatever the last poll said
    const between = pushed - handled;
    const t = Math.min(RUN_SECONDS, (performance.now() - this.#started) / 1000);
    this.samples.push({ t, pushed, handled });
    this.peak = Math.max(this.peak, between);
    for (const [what, bytes] of Object.entries({ pushed, handled, between })) {
      byId(`${this.name}-${what}`, HTMLElement).textContent = mebibytes(bytes);
    }
    byId(`${this.name}-waiting`, HTMLElement).textContent = waiting.toLocaleString("en");
    this.#judge(t, between);
  }

  /** @param {number} t @param {number} between */
  #judge(t, between) {
    if (t < WAIT_WINDOW_SECONDS) return;
    const before = this.samples.findLast((sample) => sample.t <= t - WAIT_WINDOW_SECONDS);
    const growth = before ? between - (before.pushed - before.handled) : Infinity;
    if (growth < WAIT_TOLERANCE) {
      this.#state("waits", "the server waits");
      this.note = `the server waits: ${mebibytes(between)} MiB between`;
      this.waited = true;
    } else {
      if (this.name === "classic") this.#state("piling", "piling up");
      else this.#state("flows", "the server pushes");
      this.note = "";
    }
  }

  /**
   * @param {import("./lane.js").Lane} lane
   * @param {string} id
   */
  async #follow(lane, id) {
    try {
      await lane.opened;
      this.#state("flows", "open");
      this.#poll(lane, id);
    } catch {
      // `ended` tells why.
    }
    const end = await lane.ended;
    this.sample();
    this.#running = false;
    this.full = end === "full";
    this.failed = end === "lost" || this.#unreachable;
    this.note = this.note.replace("waits", "waited");
    if (end === "full") this.note = `stopped: ${mebibytes(this.peak)} MiB between`;
    this.#state(end === "full" || this.failed ? "alarm" : "idle", END_WORDS[this.failed ? "lost" : end]);
    const last = this.samples.at(-1);
    if (last) this.plot.canvas.setAttribute("aria-label", describe(last));
  }

  /**
   * Asks the server how much its socket has taken, until the lane ends or another has begun.
   * @param {import("./lane.js").Lane} lane
   * @param {string} id
   */
  async #poll(lane, id) {
    const current = () => this.#running && this.#lane === lane;
    for (let failures = 0; current(); ) {
      try {
        const response = await fetch(`/firehose/pushed?id=${id}`, { cache: "no-store" });
        const { pushed } = await response.json();
        if (current() && Number.isFinite(pushed)) this.#pushed = pushed;
        failures = 0;
      } catch {
        failures += 1;
      }
      if (current() && failures >= POLL_FAILURES) {
        this.#unreachable = true; // a full stream shows a loss only once it has been read to its end
        this.stop();
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** @param {string} state @param {string} words */
  #state(state, words) {
    const element = byId(`${this.name}-state`, HTMLElement);
    element.dataset.state = state;
    element.textContent = words;
  }
}

/** @type {Record<import("./lane.js").LaneEnd, string>} */
const END_WORDS = {
  stopped: "stopped",
  full: "stopped at 128 MiB",
  closed: "the server is done",
  lost: "connection lost",
};

/** Every plot has the same axes. @param {LaneView[]} views */
function draw(views) {
  const most = Math.max(...views.flatMap(({ samples }) => samples.map(({ pushed }) => pushed)), 0);
  const top = axisTop(most);
  for (const { plot, samples, note } of views) plot.show({ samples, note, top, seconds: RUN_SECONDS });
}

/** @param {"running" | "done"} state @param {string} words */
function tell(state, words) {
  const result = byId("hose-result", HTMLElement);
  result.dataset.state = state;
  result.textContent = words;
}

/** @param {LaneView[]} views */
function sentence(views) {
  const classic = views.find(({ name }) => name === "classic");
  const stream = views.find(({ name }) => name === "stream");
  const parts = [];
  if (classic) {
    if (classic.failed) parts.push("The classic connection was lost");
    else if (classic.full) {
      const seconds = classic.samples.at(-1)?.t.toFixed(1);
      parts.push(`The classic page had ${mebibytes(classic.peak)} MiB piled up after ${seconds} s and had to be stopped`);
    } else parts.push(`The classic page had ${mebibytes(classic.peak)} MiB piled up`);
  }
  const ours = views.find(({ name }) => name === "ours");
  if (ours) parts.push(told("Tidegate", ours));
  parts.push(stream ? told("the browser’s own stream", stream) : "this browser has no stream of its own");
  return `${parts.join("; ")}.`;
}

/** @param {string} who @param {LaneView} lane */
function told(who, { failed, waited, peak }) {
  if (failed) return `${who} lost its connection`;
  return waited ? `${who} made the server wait at ${mebibytes(peak)} MiB` : `${who} had ${mebibytes(peak)} MiB on the way`;
}

/** @param {LaneName} name @param {string} url @param {Pace} pace */
function laneOf(name, url, pace) {
  if (name === "classic") return new ClassicLane(url, pace);
  return new StreamLane(name === "ours" ? openOurs(url) : openNative(url), pace);
}

/** @param {import("./plot.js").Sample} last */
function describe({ t, pushed, handled }) {
  return `After ${t.toFixed(1)} s the server had pushed ${mebibytes(pushed)} MiB and the page had handled `
    + `${mebibytes(handled)} MiB; ${mebibytes(pushed - handled)} MiB lay between them.`;
}

/** `crypto.randomUUID` is missing on plain http; this is not. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
