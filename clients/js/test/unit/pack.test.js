// The packages as npm gets them: packed, installed from the tarball, imported, checked by TypeScript, and their examples
// run against a real server. Needs TIDEGATE_TOOLS.
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { startServer } from "../peer/server.mjs";
import { program } from "../tools.mjs";

const PACKAGES = fileURLToPath(new URL("../../packages/", import.meta.url));
const out = mkdtempSync(join(tmpdir(), "tidegate-pack-"));
const server = await startServer();
after(() => {
  server.close();
  rmSync(out, { recursive: true, force: true });
});

/** @param {string} folder @param {string} command @param {...string} words */
function run(folder, command, ...words) {
  return execFileSync(command, words, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}

/** Runs an example beside the server, which is in this process. @param {string} folder @param {...string} words */
async function runExample(folder, input = "", ...words) {
  const node = ["--no-warnings", "--experimental-websocket"];
  const child = promisify(execFile)("node", [...node, ...words], { cwd: folder, timeout: 20_000 });
  child.child.stdin?.end(input);
  return (await child).stdout.trim().split("\n");
}

/** A module and all that it imports, directly or not. @param {string} entry */
function reached(entry) {
  const files = new Set([entry]);
  for (const file of files) {
    for (const [, target] of readFileSync(file, "utf8").matchAll(/from "(\.[^"]+)"/g))
      files.add(join(dirname(file), target));
  }
  return files;
}

/**
 * Packs one, installs it where there is nothing else, and holds what came against what was asked for.
 *
 * @param {string} name
 * @param {{ most: number, mostLoaded: number, example: string }} limits
 * @returns {string} where it is installed
 */
function installed(name, { most, mostLoaded, example }) {
  const [packed] = JSON.parse(run(join(PACKAGES, name), "npm", "pack", "--json", "--silent", "--pack-destination", out));
  const file = join(out, packed.filename);
  const { size } = statSync(file);
  assert.ok(size < most, `${name} has ${size} bytes`);

  const folder = mkdtempSync(join(out, `${name}-`));
  writeFileSync(join(folder, "package.json"), `{ "type": "module", "private": true }`);
  run(folder, "npm", "install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", file);
  const home = join(folder, "node_modules", name);
  assert.deepEqual(readdirSync(join(folder, "node_modules")).filter((entry) => !entry.startsWith(".")), [name]);

  const { exports, version } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
  assert.equal(version, versionOf("tidegate"), "all of one source have one version");
  const modules = reached(join(home, exports["."].default));
  const sources = [...modules].map((module) => relative(home, module));
  const others = ["LICENSE-MIT", "README.md", `example/${example}`, "package.json", "types/index.d.ts"];
  const files = packed.files.map((/** @type {{ path: string }} */ { path }) => path);
  assert.deepEqual(files.sort(), [...sources, ...others].sort(), "what the entry reaches, and nothing else");

  // What a page loads of it, each module compressed.
  const loaded = [...modules].reduce((sum, module) => sum + gzipSync(readFileSync(module)).length, 0);
  assert.ok(loaded < mostLoaded, `a page loads ${loaded} bytes of ${name}`);
  console.log(`${name}: packed ${size} bytes; a page loads ${modules.size} modules of ${loaded} bytes`);
  return folder;
}

/** @param {string} name */
function versionOf(name) {
  return JSON.parse(readFileSync(join(PACKAGES, name, "package.json"), "utf8")).version;
}

/** Checks a TypeScript program as its author would, and that the same with a mistake fails. */
function checkTypes(/** @type {string} */ folder, /** @type {string} */ source) {
  const flags = "--noEmit --strict --target es2022 --module nodenext --lib es2023,dom,dom.asynciterable --types".split(" ");
  writeFileSync(join(folder, "use.ts"), source);
  run(folder, program("tsc"), ...flags, "", "use.ts");
  writeFileSync(join(folder, "misuse.ts"), source.replace("closeCode", "clsoeCode"));
  assert.throws(() => run(folder, program("tsc"), ...flags, "", "misuse.ts"));
}

/** What a program in the folder prints. @param {string} folder @param {string} source */
function printed(folder, source) {
  writeFileSync(join(folder, "import.js"), source);
  return run(folder, "node", "import.js");
}

test("tidegate is small, complete, imports, and its types hold", async () => {
  const folder = installed("tidegate", { most: 20_000, mostLoaded: 22_000, example: "feed.js" });
  assert.equal(printed(folder, useOf("tidegate")), "wss://localhost/x WebSocketError 3000 WebSocketError 1006");
  assert.equal(printed(folder, namesOf("tidegate")), "WebSocketError,WebSocketStream");
  checkTypes(folder, typesOf("tidegate"));
  const example = join(folder, "node_modules/tidegate/example/feed.js");
  const heard = await runExample(folder, "", example, `${server.url}/push?count=3&code=1000&reason=enough`);
  assert.deepEqual(heard, ["0", "1", "2", "closed: 1000 enough"]);
});

test("tidegate-connection is small, complete, imports, and its types hold", async () => {
  const folder = installed("tidegate-connection", { most: 44_000, mostLoaded: 50_000, example: "talk.js" });
  const name = "tidegate-connection";
  assert.equal(printed(folder, useOf(name)), "wss://localhost/x WebSocketError 3000 WebSocketError 1006");
  assert.match(printed(folder, namesOf(name)), /^Connection,UploadError,WebSocketError,WebSocketStream,discard,upload$/);
  checkTypes(folder, typesOf(name) + CONNECTION_TYPES);
  const example = join(folder, "node_modules/tidegate-connection/example/talk.js");
  const heard = await runExample(folder, "one\ntwo\n", example, `${server.url.replace("ws:", "http:")}/echo`);
  assert.deepEqual(heard, ["one", "two", "closed: 1005"]);
});

/** @param {string} name */
const useOf = (name) => `
import { WebSocketError, WebSocketStream } from "${name}";
const socket = new WebSocketStream("https://localhost/x", { platform: { WebSocket: class { constructor() { throw new Error("none"); } } } });
const error = new WebSocketError("x", { closeCode: 3000 });
const closed = await socket.closed.catch((reason) => reason);
console.log(socket.url, error.name, error.closeCode, closed.name, closed.closeCode);
`;

/** @param {string} name */
const namesOf = (name) => `console.log(\`\${Object.keys(await import("${name}")).sort()}\`);`;

/** @param {string} name */
const typesOf = (name) => `
import { WebSocketError, WebSocketStream, type CreditOptions, type WebSocketCloseInfo } from "${name}";
const credits: CreditOptions = { window: 1 << 20 };
const socket = new WebSocketStream(new URL("wss://localhost/"), { protocols: ["a"], credits });
const { readable, writable, protocol } = await socket.connection;
for await (const message of readable) {
  const bytes: number = typeof message === "string" ? message.length : message.byteLength;
  await writable.getWriter().write(new Uint8Array(bytes));
}
socket.close({ closeCode: 1000, reason: protocol });
const { code }: WebSocketCloseInfo = await socket.closed;
const number: number = code;
const told: number | null = new WebSocketError("x").closeCode;
`;

const CONNECTION_TYPES = `
import { Connection, upload, type ConnectionOptions, type TransportName } from "tidegate-connection";
import { UploadError, discard, type UploadOptions, type UploadProgress, type UploadResult } from "tidegate-connection";
const uploading: UploadOptions = { onprogress: ({ durable, sent, total }: UploadProgress) => durable + sent - total };
const uploaded: UploadResult = await upload(new Blob(["x"]), "/uploads", uploading);
await discard(new Blob([uploaded.url]), new URL("https://localhost/uploads"), { fingerprint: "x" });
const kind: "busy" | "gone" | "lost" | "refused" | "unreachable" | "unreadable" = new UploadError("busy", "x").kind;
const options: ConnectionOptions = { transports: ["websocket", "poll"], credits };
for await (const { connection, writable } of Connection.again("/chat", options)) {
  const transport: TransportName | "" = connection.transport;
  await writable.getWriter().write(transport);
}
`;
