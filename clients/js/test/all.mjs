// Everything that is tested of the package: types, units, the packed package, and the contract in every runtime and
// browser. The last line is `N passed, M failed`.
//
// Usage: all.mjs CONTRACT-SERVER [WORD], where WORD is in the names of the parts to run. Needs TIDEGATE_TOOLS.
import { spawn, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { TOOLS, program } from "./tools.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const WS = `${TOOLS}/node_modules/ws/wrapper.mjs`;

/** How many parts run at a time that work, and beside them how many that mostly wait: for a pace, a proxy, a timer. */
const AT_A_TIME = 2;
const WAITING_AT_A_TIME = 3;
const LIMIT_MS = 300_000;

/**
 * Starts a server that says its URL, and another for sessions; it ends with its input.
 *
 * @param {string} command
 * @param {string[]} words
 */
async function server(command, ...words) {
  const child = spawn(command, words, {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, TIDEGATE_TOOLS: TOOLS },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const [url, sessions] = [await lines.next(), await lines.next()].map(({ value }) => `${value}`);
  return { url, sessions, stop: () => child.stdin.end() };
}

/**
 * @typedef {object} Part
 * @property {string} name
 * @property {string[]} command
 * @property {Record<string, string>} [env]
 * @property {boolean} [waits] whether it mostly waits
 */

/**
 * Where the paths of the contract are served, and where they may be carried by anything.
 *
 * @typedef {{ url: string, sessions: string }} Server
 */

/** @type {[string, string[], Record<string, string>?][]} */
const RUNTIMES = [
  ["node", ["node", "--no-warnings"], { TIDEGATE_WS: WS }],
  ["node-undici", ["node", "--no-warnings", "--experimental-websocket"]],
  ["deno", [program("deno"), "run", "--quiet", "-A"]],
  ["bun", [program("bun")]],
];

/**
 * The contract in runtimes.
 *
 * @param {typeof RUNTIMES} runtimes
 * @param {string[]} lanes
 * @param {string} url
 * @returns {Part[]}
 */
function inRuntimes(runtimes, lanes, url, prefix = "") {
  return runtimes.flatMap(([name, command, env]) =>
    lanes.map((lane) => ({
      name: `${prefix}${name}-${lane}`,
      command: [...command, "run.js", lane, url],
      env,
      // The contract sleeps more than it works, but for what a browser needs beside it.
      waits: true,
    })),
  );
}

/** Those whose clocks go by real time. */
const WAITING_UNITS = ["connection.test.js", "deadlines.test.js", "lifecycle.test.js", "outage.test.js"];

/** The contract in a browser. @param {string} name @param {string[]} lanes @param {string} url @returns {Part} */
function inBrowser(name, lanes, url) {
  return {
    name: `${name}-${lanes.join("-and-")}`,
    command: ["node", "browser/contract.mjs", name, lanes.join(","), url],
  };
}

/**
 * A Connection, over what it chooses and over each transport alone.
 *
 * @param {Server} ours
 * @param {Server} peer
 * @returns {Part[]}
 */
function sessionParts(ours, peer) {
  const ways = ["websocket", "stream", "sse", "long-poll", "poll"].map((way) => `session-${way}`);
  const [node, ...others] = RUNTIMES;
  const hasNginx = spawnSync("nginx", ["-v"]).status === 0;
  if (!hasNginx) console.log("there is no nginx here, so nothing is tested behind it");
  return [
    ...(hasNginx ? [{ name: "nginx-session", command: ["node", "nginx.mjs", ours.sessions], waits: true }] : []),
    ...["firefox", "chromium"].flatMap((name) => [
      { name: `${name}-chaos`, command: ["node", "browser/chaos.mjs", name, ours.sessions], waits: true },
      { name: `${name}-lifecycle`, command: ["node", "browser/lifecycle.mjs", name], waits: true },
      inBrowser(name, ways.slice(0, 2), ours.sessions),
      inBrowser(name, ways.slice(2, 4), ours.sessions),
      inBrowser(name, ["session", ...ways.slice(4)], ours.sessions),
    ]),
    ...inRuntimes([node], ways, ours.sessions),
    ...inRuntimes(others, ["session", "session-stream", "session-sse"], ours.sessions),
    ...inRuntimes([node], ["session", ...ways], peer.sessions, "peer-"),
  ];
}

/**
 * @param {Server} ours the contract server
 * @param {Server} peer the same paths, by a peer that shares no code
 * @returns {Part[]}
 */
function parts(ours, peer) {
  const units = readdirSync(`${HERE}unit`).filter((name) => name.endsWith(".test.js"));
  const [node] = RUNTIMES;
  return [
    // The longest first.
    ...sessionParts(ours, peer),
    inBrowser("firefox", ["classic"], ours.url),
    inBrowser("chromium", ["classic"], ours.url),
    inBrowser("firefox", ["credits"], ours.url),
    inBrowser("chromium", ["credits"], ours.url),
    inBrowser("chromium", ["native"], ours.url),
    { name: "hazards", command: ["node", "browser/hazards.mjs", ours.url], waits: true },
    { name: "types", command: [program("tsc"), "-p", PACKAGE] },
    ...units.map((name) => ({
      name,
      command: ["node", "--test", "--test-timeout=60000", `unit/${name}`],
      waits: WAITING_UNITS.includes(name),
    })),
    ...inRuntimes(RUNTIMES, ["classic", "credits"], ours.url),
    ...inRuntimes([node], ["credits"], peer.url, "peer-"),
  ];
}

/** Runs a part, tells what is to be told, and counts. @param {Part} part */
async function run({ name, command: [program, ...words], env = {} }) {
  const started = Date.now();
  const child = spawn(program, words, {
    cwd: HERE,
    env: { ...process.env, TIDEGATE_TOOLS: TOOLS, ...env },
    timeout: LIMIT_MS,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
  const status = await new Promise((resolve) => {
    child.on("error", (error) => resolve(`${error}`));
    child.on("close", resolve);
  });
  const tally = tallyOf(output) ?? { passed: Number(status === 0), failed: Number(status !== 0) };
  if (status !== 0 && tally.failed === 0) tally.failed = 1;
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(
    `${tally.failed > 0 ? "FAIL" : "ok  "} ${name}: ${tally.passed} passed, ${tally.failed} failed, ${seconds} s`,
  );
  if (tally.failed > 0) console.log(output.replace(/^ok .*\n/gm, "").trimEnd());
  else for (const [figure] of output.matchAll(/^ok .*\(\d+ bytes.*$/gm)) console.log(figure);
  return tally;
}

/** From our own closing line, or from that of Node's runner. @param {string} output */
function tallyOf(output) {
  const plain = [...output.matchAll(/^(\d+) passed, (\d+) failed$/gm)].at(-1);
  if (plain) return { passed: Number(plain[1]), failed: Number(plain[2]) };
  const [passed, failed] = ["pass", "fail"].map((word) => new RegExp(`^# ${word} (\\d+)$`, "m").exec(output)?.[1]);
  return passed && failed ? { passed: Number(passed), failed: Number(failed) } : undefined;
}

const [contractServer, word = ""] = process.argv.slice(2);
const ours = await server(contractServer);
const peer = await server("node", `${HERE}peer/server.mjs`);
const chosen = parts(ours, peer).filter(({ name }) => name.includes(word));
const busy = chosen.filter(({ waits }) => !waits);
const idle = chosen.filter(({ waits }) => waits);
const sum = { passed: 0, failed: 0 };
/** Runs what is left of the one, then of the other. @param {Part[]} own @param {Part[]} other */
const work = async (own, other) => {
  for (let part = own.shift() ?? other.shift(); part; part = own.shift() ?? other.shift()) {
    const { passed, failed } = await run(part);
    sum.passed += passed;
    sum.failed += failed;
  }
};
await Promise.all([
  ...Array.from({ length: AT_A_TIME }, () => work(busy, idle)),
  ...Array.from({ length: WAITING_AT_A_TIME }, () => work(idle, [])),
]);
ours.stop();
peer.stop();
console.log(`${sum.passed} passed, ${sum.failed} failed`);
process.exit(sum.failed > 0 || sum.passed === 0 ? 1 : 0);
