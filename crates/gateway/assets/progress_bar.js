/** A bar in two colours, what is durable and what is on its way, with its figures. */

import { create, mebibytes } from "./dom.js";

export class ProgressBar {
  element = create("div", "bar");
  figures = create("p", "upload-figures");
  #sent = create("i", "bar-sent");
  #durable = create("i", "bar-durable");
  #amount = create("span", "");
  #pace = create("span", "");
  /** Where it was when: the rate is that of the last seconds. @type {[number, number][]} */
  #past = [];
  #isMoving = false;

  constructor() {
    this.element.append(this.#sent, this.#durable);
    this.element.setAttribute("role", "progressbar");
    this.element.setAttribute("aria-valuemin", "0");
    this.element.setAttribute("aria-valuemax", "100");
    this.element.setAttribute("aria-label", "On the server's disk");
    this.figures.append(this.#amount, this.#pace);
  }

  /** Whether a rate is worth telling. @param {boolean} isMoving */
  set isMoving(isMoving) {
    this.#isMoving = isMoving;
    if (!isMoving) this.#pace.textContent = "";
  }

  /** A pause does not count. */
  restart() {
    this.#past = [];
  }

  /** @param {{ durable: number, sent: number, total: number | null }} progress */
  set({ durable, sent, total }) {
    const share = (/** @type {number} */ bytes) => (total ? Math.min((100 * bytes) / total, 100) : total === 0 ? 100 : 0);
    this.#sent.style.width = `${share(sent)}%`;
    this.#durable.style.width = `${share(durable)}%`;
    this.element.setAttribute("aria-valuenow", `${Math.floor(share(durable))}`);
    const whole = total === null ? "" : ` of ${mebibytes(total)}`;
    const underWay = sent > durable ? `, ${mebibytes(sent - durable)} on its way` : "";
    this.#amount.replaceChildren(create("b", "", mebibytes(durable)), `${whole} MiB on the disk${underWay}`);
    this.#pace.textContent = this.#isMoving ? this.#paceOf(sent, total) : "";
  }

  /** @param {number} sent @param {number | null} total */
  #paceOf(sent, total) {
    const now = performance.now();
    this.#past.push([now, sent]);
    while (this.#past.length > 2 && now - this.#past[0][0] > PACE_MS) this.#past.shift();
    const [[since, from]] = this.#past;
    if (now - since < LEAST_MS) return "";
    // What was sent in vain counts when it is sent again.
    const rate = (Math.max(sent - from, 0) / (now - since)) * 1000;
    const left = total !== null && rate > 0 ? `, ${duration((total - sent) / rate)} left` : "";
    return `${mebibytes(rate)} MiB/s${left}`;
  }
}

/** @param {number} seconds */
function duration(seconds) {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

const PACE_MS = 5000;
const LEAST_MS = 500;
