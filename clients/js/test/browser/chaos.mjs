// A numbered conversation of many messages each way, in a browser, through a proxy that cuts, freezes, swallows
// handshakes, holds answers back and answers 502. No number may be missing, none may come twice.
//
// Usage: chaos.mjs BROWSER URL [COUNT [SEED]], with a server at URL that answers sessions at /echo. Needs TIDEGATE_TOOLS.
import { Chaos } from "../peer/chaos.mjs";
import { launch, resultOf } from "./launch.mjs";

const [name, target, count = "10000", seed = `${Date.now() % 1_000_000}`] = process.argv.slice(2);
const PER_SECOND = 250;
const LIMIT_MS = 280_000;

const HALF_OPEN = "half open";

/** What happens, again and again: what the weather is, for how long, and how often it cuts. */
const PHASES = /** @type {[string, import("../peer/chaos.mjs").Weather, number, number?][]} */ ([
  ["kills every 300 ms", {}, 5000, 300],
  ["handshakes are swallowed", { upgrade: "swallow" }, 4000],
  ["kills every 300 ms, no WebSocket", { upgrade: "refuse" }, 5000, 300],
  ["answers are held back, no WebSocket", { upgrade: "refuse", buffer: true }, 5000, 1500],
  ["half of all is 502", { bad: 0.5 }, 4000, 700],
  ["calm", {}, 4000],
  [HALF_OPEN, {}, 5000],
  ["away", { away: true }, 1500],
  ["calm", {}, 12_000],
]);

let state = Number(seed);
/** A random number below 1, by the seed. */
function random() {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
  return state / 0x7fffffff;
}

const pause = (/** @type {number} */ milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const chaos = await new Chaos(target, random).listen();
let isOver = false;
/** @type {string[]} */
const phases = [];

async function rage() {
  await pause(500);
  for (let round = 0; !isOver; round += 1) {
    for (const [what, weather, milliseconds, every = Infinity] of PHASES) {
      // Half open takes a while to be seen, so it comes only once.
      if (isOver || (what === HALF_OPEN && round > 0)) continue;
      phases.push(what);
      chaos.weather = weather;
      if (what === HALF_OPEN) chaos.freeze();
      else chaos.cut();
      const until = Date.now() + milliseconds;
      for (let left = milliseconds; left > 0 && !isOver; left = until - Date.now()) {
        await pause(Math.min(left, every * (0.5 + random())));
        if (left > every) chaos.cut();
      }
    }
  }
}

const session = await launch(/** @type {"chromium" | "firefox"} */ (name));
const page = `${chaos.url.replace(/^ws/, "http")}/test/browser/chaos.html?count=${count}&perSecond=${PER_SECOND}`;
const started = Date.now();
const raging = rage();
const result = await resultOf(session.browser, page, LIMIT_MS).catch((error) => ({
  wrong: error.message,
  read: 0,
  ways: [],
}));
isOver = true;
await raging;
await session.close();
chaos.close();
/** @type {Record<string, number>} */
const ways = {};
for (const way of result.ways) ways[way || "nothing"] = (ways[way || "nothing"] ?? 0) + 1;
const seconds = ((Date.now() - started) / 1000).toFixed(0);
console.log(`${name}, seed ${seed}: ${result.read} of ${count} in ${seconds} s; carried by ${JSON.stringify(ways)}`);
console.log(`${phases.length} phases, ${chaos.seen.length} requests`);
if (result.wrong) console.log(`FAIL  ${result.wrong}`);
console.log(result.wrong ? "0 passed, 1 failed" : "1 passed, 0 failed");
process.exit(result.wrong ? 1 : 0);
