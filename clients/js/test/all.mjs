// Everything that is tested of the package: types, units, the packed package, and the contract in every runtime and
// browser. The last line is `N passed, M failed`.
//
// Usage: all.mjs CONTRACT-SERVER [WORD], where WORD is in the names of the parts to run. Needs TIDEGATE_TOOLS.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { TOOLS, program } from "./tools.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const WS = `${TOOLS}/node_modules/ws/wrapper.mjs`;

/** Two browsers, or a browser and a runtime, at a time. */
const AT_A_TIME = 2;
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
 */

/**
 * @typedef {{ url: string, sessions: string }} Server
 *
 * @param {Server} ours the contract server
 * @param {Server} peer the same paths, by a peer that shares no code
 * @returns {Part[]}
 */
function parts(ours, peer) {
  const { url } = ours;
  const units = readdirSync(`${HERE}unit`).filter((name) => name.endsWith(".test.js"));
  const runtimes = [
    ["node", ["node", "--no-warnings"], { TIDEGATE_WS: WS }],
    ["node-undici", ["node", "--no-warnings", "--experimental-websocket"], {}],
    ["deno", [program("deno"), "run", "--quiet", "-A"], {}],
    ["bun", [program("bun")], {}],
  ];
  const inRuntimes = runtimes.flatMap(([name, command, env]) =>
    ["classic", "credits"].map((lane) => ({
      name: `${name}-${lane}`,
      command: [...command, "run.js", lane, url],
      env,
    })),
  );
  // A Connection, over what it chooses and over each transport alone.
  const ways = ["websocket", "stream", "sse", "long-poll", "poll"].map((way) => `session-${way}`);
  const sessions = ways.map((lane) => ({
    name: `node-${lane}`,
    command: ["node", "--no-warnings", "run.js", lane, ours.sessions],
    env: { TIDEGATE_WS: WS },
  }));
  const sessionsElsewhere = runtimes.slice(1).flatMap(([name, command, env]) =>
    ["session", "session-stream", "session-sse"].map((lane) => ({
      name: `${name}-${lane}`,
      command: [...command, "run.js", lane, ours.sessions],
      env,
    })),
  );
  const sessionsToPeer = ["session", ...ways].map((lane) => ({
    name: `peer-${lane}`,
    command: ["node", "--no-warnings", "run.js", lane, peer.sessions],
    env: { TIDEGATE_WS: WS },
  }));
  const sessionsIn = (/** @type {string} */ name) =>
    [ways.slice(0, 2), ways.slice(2, 4), ["session", ...ways.slice(4)]].map((lanes) => ({
      name: `${name}-${lanes.join("-and-")}`,
      command: ["node", "browser/contract.mjs", name, lanes.join(","), ours.sessions],
    }));
  const browser = (/** @type {string} */ name, /** @type {string} */ lane) => ({
    name: `${name}-${lane}`,
    command: ["node", "browser/contract.mjs", name, lane, url],
  });
  return [
    browser("firefox", "classic"),
    browser("chromium", "classic"),
    browser("firefox", "credits"),
    browser("chromium", "credits"),
    browser("chromium", "native"),
    ...["firefox", "chromium"].flatMap((name) => [
      { name: `${name}-chaos`, command: ["node", "browser/chaos.mjs", name, ours.sessions] },
      { name: `${name}-lifecycle`, command: ["node", "browser/lifecycle.mjs", name] },
    ]),
    ...sessionsIn("firefox"),
    ...sessionsIn("chromium"),
    { name: "hazards", command: ["node", "browser/hazards.mjs", url] },
    { name: "types", command: [program("tsc"), "-p", PACKAGE] },
    ...units.map((name) => ({ name, command: ["node", "--test", "--test-timeout=60000", `unit/${name}`] })),
    .../** @type {Part[]} */ (inRuntimes),
    ...sessions,
    .../** @type {Part[]} */ (sessionsElsewhere),
    ...sessionsToPeer,
    { name: "credits-peer", command: ["node", "run.js", "credits", peer], env: { TIDEGATE_WS: WS } },
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
const queue = parts(ours, peer).filter(({ name }) => name.includes(word));
const sum = { passed: 0, failed: 0 };
const worker = async () => {
  for (let part = queue.shift(); part; part = queue.shift()) {
    const { passed, failed } = await run(part);
    sum.passed += passed;
    sum.failed += failed;
  }
};
await Promise.all(Array.from({ length: AT_A_TIME }, worker));
ours.stop();
peer.stop();
console.log(`${sum.passed} passed, ${sum.failed} failed`);
process.exit(sum.failed > 0 || sum.passed === 0 ? 1 : 0);
