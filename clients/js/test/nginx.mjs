// The contract over a Connection through nginx as it comes: it holds answers back, and hands no handshake on.
//
// Usage: nginx.mjs URL, of a server of the contract's paths for sessions. Needs TIDEGATE_TOOLS, and nginx.
import { execFile, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TOOLS } from "./tools.mjs";

const LANES = ["session", "session-stream", "session-sse", "session-long-poll", "session-poll"];

const { host } = new URL(process.argv[2]);
const folder = mkdtempSync(join(tmpdir(), "tidegate-nginx-"));
// Started by root, its workers are nobody, and put long bodies there.
chmodSync(folder, 0o755);
mkdirSync(join(folder, "logs"));

/** A port that nobody uses now. @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/** Until somebody listens there. @param {number} port */
async function listening(port) {
  for (let tries = 0; tries < 200; tries += 1) {
    const isThere = await new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("nginx does not listen");
}

const port = await freePort();
const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
writeFileSync(
  join(folder, "nginx.conf"),
  `daemon off; pid nginx.pid; error_log logs/error.log; events {}
   http { access_log off; ${temporary.map((name) => `${name}_temp_path ${name};`).join(" ")}
     server { listen 127.0.0.1:${port}; location / { proxy_pass http://${host}; } } }`,
);
const nginx = spawn("nginx", ["-p", folder, "-c", join(folder, "nginx.conf")], { stdio: "inherit" });
const env = { ...process.env, TIDEGATE_WS: `${TOOLS}/node_modules/ws/wrapper.mjs` };
const cwd = fileURLToPath(new URL(".", import.meta.url));

/** What a run of the contract says. @param {string[]} words @returns {Promise<string>} */
function run(words) {
  return new Promise((resolve) => {
    execFile("node", words, { cwd, env, timeout: 120_000 }, (_, stdout) => resolve(stdout));
  });
}

let passed = 0;
let failed = 0;
try {
  await listening(port);
  // All at once: they mostly wait.
  const runs = LANES.map((lane) => run(["--no-warnings", "run.js", lane, `ws://127.0.0.1:${port}`]));
  for (const stdout of await Promise.all(runs)) {
    const [, ok, bad] = /^(\d+) passed, (\d+) failed$/m.exec(stdout) ?? [0, 0, 1];
    passed += Number(ok);
    failed += Number(bad);
    if (Number(bad) > 0) console.log(stdout.replace(/^ok .*\n/gm, ""));
  }
} finally {
  nginx.kill();
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
