/**
 * A small line plot on a canvas: bytes pushed, bytes handled, and the water between the two.
 * Sharp on any screen; its colours come from the style sheet, so it follows light and dark.
 *
 * @typedef {object} Sample
 * @property {number} t seconds since the start
 * @property {number} pushed bytes
 * @property {number} handled bytes
 *
 * @typedef {object} Picture
 * @property {Sample[]} samples oldest first
 * @property {number} seconds the length of the horizontal axis
 * @property {number} top bytes at the top of the vertical axis
 * @property {string} note a few words beside the last sample
 */

const MIB = 1024 * 1024;
const MARGIN = { left: 64, right: 14, top: 16, bottom: 30 };
const X_STEPS = 4;
const Y_STEPS = 4;

/**
 * The height of a vertical axis that holds `bytes` in even steps.
 * @param {number} bytes
 * @returns {number}
 */
export function axisTop(bytes) {
  let step = 2 * MIB;
  while (step * Y_STEPS < bytes * 1.04) step += step < 8 * MIB ? 2 * MIB : 8 * MIB;
  return step * Y_STEPS;
}

export class Plot {
  /** @type {Picture} */
  #picture = { samples: [], seconds: 20, top: axisTop(0), note: "" };
  #context;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    const context = canvas.getContext("2d");
    if (!context) throw new Error("no canvas");
    this.#context = context;
    new ResizeObserver(() => this.#draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /** @param {Picture} picture */
  show(picture) {
    this.#picture = picture;
    this.#draw();
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    const scale = window.devicePixelRatio || 1;
    const [pixelsWide, pixelsHigh] = [Math.round(width * scale), Math.round(height * scale)];
    if (this.canvas.width !== pixelsWide || this.canvas.height !== pixelsHigh) {
      this.canvas.width = pixelsWide;
      this.canvas.height = pixelsHigh;
    }
    this.#context.setTransform(scale, 0, 0, scale, 0, 0);
    this.#context.clearRect(0, 0, width, height);
    const style = getComputedStyle(this.canvas);
    const frame = new Frame(this.#picture, width, height);
    drawAxes(this.#context, frame, style);
    if (this.#picture.samples.length > 1) drawSeries(this.#context, frame, style);
  }
}

/** Where seconds and bytes lie on the canvas. */
class Frame {
  /** @param {Picture} picture @param {number} width @param {number} height */
  constructor(picture, width, height) {
    this.picture = picture;
    this.left = MARGIN.left;
    this.right = width - MARGIN.right;
    this.top = MARGIN.top;
    this.bottom = height - MARGIN.bottom;
  }

  /** @param {number} seconds */
  x(seconds) {
    return this.left + (seconds / this.picture.seconds) * (this.right - this.left);
  }

  /** @param {number} bytes */
  y(bytes) {
    return this.bottom - (bytes / this.picture.top) * (this.bottom - this.top);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {CSSStyleDeclaration} style
 */
function drawAxes(context, frame, style) {
  const { seconds, top } = frame.picture;
  context.font = `12px ${style.fontFamily}`;
  context.fillStyle = style.getPropertyValue("--muted");
  context.strokeStyle = style.getPropertyValue("--line");
  context.lineWidth = 1;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (let i = 0; i <= Y_STEPS; i += 1) {
    const bytes = (top / Y_STEPS) * i;
    const y = Math.round(frame.y(bytes)) + 0.5;
    stroke(context, [[frame.left, y], [frame.right, y]]);
    context.fillText(bytes === 0 ? "0" : `${bytes / MIB} MiB`, frame.left - 8, y);
  }
  context.textBaseline = "top";
  for (let i = 0; i <= X_STEPS; i += 1) {
    const t = (seconds / X_STEPS) * i;
    context.textAlign = i === X_STEPS ? "right" : "center";
    context.fillText(`${t} s`, frame.x(t), frame.bottom + 9);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {CSSStyleDeclaration} style
 */
function drawSeries(context, frame, style) {
  const { samples } = frame.picture;
  /** @type {[number, number][]} */
  const pushed = samples.map(({ t, pushed }) => [frame.x(t), frame.y(pushed)]);
  /** @type {[number, number][]} */
  const handled = samples.map(({ t, handled }) => [frame.x(t), frame.y(handled)]);

  context.save();
  context.fillStyle = style.getPropertyValue("--between");
  context.globalAlpha = 0.36;
  trace(context, [...pushed, ...handled.toReversed()]);
  context.fill();
  context.restore();

  context.lineJoin = "round";
  context.lineCap = "round";
  context.lineWidth = 2.25;
  context.strokeStyle = style.getPropertyValue("--handled");
  context.setLineDash([1, 4.5]);
  stroke(context, handled);
  context.setLineDash([]);
  context.strokeStyle = style.getPropertyValue("--pushed");
  stroke(context, pushed);
  drawNote(context, frame, style, pushed[pushed.length - 1] ?? [0, 0]);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {CSSStyleDeclaration} style
 * @param {[number, number]} at the end of the pushed line
 */
function drawNote(context, frame, style, [x, y]) {
  context.fillStyle = style.getPropertyValue("--pushed");
  context.beginPath();
  context.arc(x, y, 4, 0, 2 * Math.PI);
  context.fill();
  if (!frame.picture.note) return;
  context.font = `600 13px ${style.fontFamily}`;
  context.fillStyle = style.getPropertyValue("--ink");
  const wide = context.measureText(frame.picture.note).width;
  const fits = x + 12 + wide < frame.right;
  context.textAlign = "left";
  context.textBaseline = fits ? "middle" : "bottom";
  const place = fits ? x + 12 : Math.max(frame.left + 4, Math.min(x, frame.right) - wide);
  context.fillText(frame.picture.note, place, fits ? y : y - 10);
}

/** @param {CanvasRenderingContext2D} context @param {[number, number][]} points */
function stroke(context, points) {
  trace(context, points);
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {[number, number][]} points */
function trace(context, points) {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
}
