// What credits cost in throughput, and what a server can push into a page that does not read: the table of
// docs/benchmarks-browser.md. The browsers run alone, without a debugger. Run it on a quiet machine.
//
// Usage: measure.mjs URL [ROUNDS [BROWSER [SIZES [LANES]]]], with a release build of the contract server at URL. Needs
// TIDEGATE_TOOLS.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { launchAlone } from "./launch.mjs";
import { requireTool } from "../tools.mjs";
import { serve } from "./serve.mjs";

const { WebSocket } = requireTool("ws");
const [url, rounds = "5", only = "", sizes = "100,1024,16384,65536,131072", someLanes = ""] = process.argv.slice(2);
const SIZES = sizes.split(",").map(Number);
/** All ratios are to the first. */
const LANES = {
  chromium: ["classic", "ponyfill", "credits", "native", "guarded"],
  firefox: ["classic", "ponyfill", "credits"],
};
/** A page runs for a while before it is measured: at first its code is interpreted. */
const WARM_MS = 500;
const MS = 1000;
const UNREAD_MS = 2000;
const LIMIT_MS = 60_000;

/** What the page has found, and where it goes next. */
let tell = (/** @type {any} */ _result) => {};
let go = (/** @type {string} */ _url) => {};
const files = await serve((body) => {
  tell(JSON.parse(body));
  return new Promise((resolve) => {
    go = resolve;
  });
});
const told = () =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the page tells nothing")), LIMIT_MS);
    tell = (result) => resolve((clearTimeout(timer), result));
  });

/** @param {object} what @returns {Promise<any>} */
function measured(what) {
  const result = told();
  go(`/test/browser/measure.html?${new URLSearchParams({ url, ...what })}`);
  return result;
}

/** What the server has pushed into a page that does not read, and is still there. @param {string} lane */
async function pushedMib(lane) {
  const id = randomUUID();
  await measured({ lane, id, size: 16_384, read: "no", warm: 0, ms: UNREAD_MS });
  const meter = new WebSocket(`${url}/meter?id=${id}`);
  await once(meter, "open");
  meter.send("?");
  const [bytes] = await once(meter, "message");
  meter.close();
  return Number(bytes) / 2 ** 20;
}

const sorted = (/** @type {number[]} */ numbers) => [...numbers].sort((a, b) => a - b);
const median = (/** @type {number[]} */ numbers) => sorted(numbers)[Math.floor(numbers.length / 2)];
const digits = (/** @type {number} */ number) => number.toFixed(number < 10 ? 1 : 0);

/** @param {"chromium" | "firefox"} name @param {string[]} lanes */
async function measure(name, lanes) {
  const up = told();
  const browser = launchAlone(name, `${files.origin}/test/browser/measure.html`);
  try {
    await up;
    /** @type {Record<string, number[]>} */
    const speeds = {};
    /** What came within the first half second, for the same lanes and sizes. @type {Record<string, number[]>} */
    const starts = {};
    for (let round = 0; round < Number(rounds); round += 1) {
      for (const size of SIZES) {
        // The order rotates.
        const inTurn = lanes.map((_, index) => lanes[(index + round) % lanes.length]);
        for (const lane of inTurn) {
          const order = { lane, id: randomUUID(), size, read: "yes", warm: WARM_MS, ms: MS };
          const { mibPerSecond, tenths } = await measured(order);
          (speeds[`${lane} ${size}`] ??= []).push(mibPerSecond);
          (starts[`${lane} ${size}`] ??= []).push(mibPerSecondOf(tenths.slice(0, WARM_MS / 100)));
        }
      }
    }
    for (const lane of lanes) {
      console.log(`| ${name} | ${lane} | ${digits(await pushedMib(lane))} |${cells(speeds, lane, lanes[0])}`);
    }
    for (const lane of lanes)
      console.log(`| ${name} | ${lane}, first ${WARM_MS} ms | |${cells(starts, lane, lanes[0])}`);
  } finally {
    await browser.close();
  }
}

/** @param {(number | null)[]} tenths bytes of each tenth of a second */
function mibPerSecondOf(tenths) {
  const bytes = tenths.reduce((/** @type {number} */ sum, part) => sum + (part ?? 0), 0);
  return ((bytes / 2 ** 20) * 10) / tenths.length;
}

/** @param {Record<string, number[]>} speeds @param {string} lane @param {string} base */
function cells(speeds, lane, base) {
  return SIZES.map((size) => ` ${cell(speeds[`${lane} ${size}`], speeds[`${base} ${size}`])} |`).join("");
}

/** The median, the median of the ratios within the rounds, and the smallest and the largest of these. */
function cell(/** @type {number[]} */ own, /** @type {number[]} */ base) {
  const ratios = own.map((speed, round) => speed / base[round]);
  const range = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
  return own === base ? digits(median(own)) : `${digits(median(own))} (${median(ratios).toFixed(2)}; ${range})`;
}

const columns = SIZES.map((size) => ` ${size < 1024 ? `${size} B` : `${size / 1024} KiB`}, MiB/s |`);
console.log(`| browser | lane | pushed unread, MiB |${columns.join("")}`);
console.log(`|---|---|---:|${SIZES.map(() => "---:|").join("")}`);
for (const [name, lanes] of Object.entries(LANES).filter(([name]) => name.includes(only))) {
  const wanted = lanes.filter((lane) => !someLanes || someLanes.split(",").includes(lane));
  await measure(/** @type {"chromium" | "firefox"} */ (name), wanted);
}
files.close();
process.exit(0);
