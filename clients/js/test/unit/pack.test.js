// The package as npm gets it. Needs TIDEGATE_TOOLS.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { TOOLS, program } from "../tools.mjs";

const folder = mkdtempSync(join(tmpdir(), "tidegate-pack-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** @param {string} command @param {string[]} words */
function run(command, words) {
  const PATH = [`${TOOLS}/node_modules/.bin`, process.env.PATH].join(delimiter);
  return execFileSync(command, words, { cwd: folder, encoding: "utf8", env: { ...process.env, PATH } });
}

/** What a page loads that imports this module: it, and what it imports, each compressed. @param {string} entry */
function loaded(entry) {
  const files = new Set([entry]);
  for (const file of files) {
    for (const [, target] of readFileSync(file, "utf8").matchAll(/from "(\.[^"]+)"/g))
      files.add(join(dirname(file), target));
  }
  const bytes = [...files].reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0);
  return { count: files.size, bytes };
}

test("it is small, complete, imports, and its types hold", () => {
  const file = run("node", [fileURLToPath(new URL("../../pack.mjs", import.meta.url)), folder]).trim();
  const { size } = statSync(file);
  assert.ok(size < MOST_PACKED, `it has ${size} bytes`);

  const names = run("tar", ["tzf", file]).trim().split("\n");
  for (const name of [
    "README.md",
    "LICENSE-MIT",
    "types/index.d.ts",
    "types/connection.d.ts",
    "types/stream.d.ts",
    "example/feed.js",
    "src/index.js",
  ]) {
    assert.ok(names.includes(`package/${name}`), `${name} is in it`);
  }
  const installed = join(folder, "node_modules/tidegate");
  mkdirSync(installed, { recursive: true });
  run("tar", ["xzf", file, "-C", installed, "--strip-components=1"]);
  const alone = loaded(join(installed, "src/stream.js"));
  const whole = loaded(join(installed, "src/index.js"));
  assert.ok(alone.count > 10 && whole.count > alone.count + 10, `${alone.count} and ${whole.count} modules`);
  assert.ok(alone.bytes < MOST_OF_STREAM, `WebSocketStream alone loads ${alone.bytes} bytes`);
  assert.ok(whole.bytes < MOST_OF_ALL, `all of it loads ${whole.bytes} bytes`);
  console.log(`packed ${size} bytes; a page loads ${alone.bytes} for tidegate/stream, ${whole.bytes} for tidegate`);
  writeFileSync(join(folder, "package.json"), `{ "type": "module" }`);
  writeFileSync(join(folder, "import.js"), IMPORT);
  assert.equal(run("node", ["import.js"]).trim(), "wss://localhost/x WebSocketError 3000 WebSocketError 1006 true");

  writeFileSync(join(folder, "use.ts"), USE);
  const flags = [
    "--noEmit",
    "--strict",
    "--target",
    "es2022",
    "--module",
    "nodenext",
    "--lib",
    "es2023,dom,dom.asynciterable",
  ];
  run(program("tsc"), [...flags, "--types", "", "use.ts"]);
  writeFileSync(join(folder, "misuse.ts"), USE.replace("closeCode", "clsoeCode"));
  assert.throws(() => run(program("tsc"), [...flags, "--types", "", "misuse.ts"]));
});

/** Bytes: the package as npm gets it; what a page loads of it, gzipped, for its first class alone and for both. */
const MOST_PACKED = 40_000;
const MOST_OF_STREAM = 22_000;
const MOST_OF_ALL = 44_000;

const IMPORT = `
import { Connection, WebSocketError, WebSocketStream } from "tidegate";
import { Connection as Same } from "tidegate/connection";
import { WebSocketStream as SameStream } from "tidegate/stream";
const socket = new WebSocketStream("https://localhost/x", { platform: { WebSocket: class { constructor() { throw new Error("none"); } } } });
const error = new WebSocketError("x", { closeCode: 3000 });
const closed = await socket.closed.catch((reason) => reason);
console.log(socket.url, error.name, error.closeCode, closed.name, closed.closeCode, Same === Connection && SameStream === WebSocketStream);
`;

const USE = `
import { Connection, WebSocketStream, type TransportName, type WebSocketCloseInfo } from "tidegate";
const socket = new WebSocketStream(new URL("wss://localhost/"), { protocols: ["a"], credits: { window: 1 << 20 } });
const { readable, writable, protocol } = await socket.connection;
for await (const message of readable) {
  const bytes: number = typeof message === "string" ? message.length : message.byteLength;
  await writable.getWriter().write(new Uint8Array(bytes));
}
socket.close({ closeCode: 1000, reason: protocol });
const { code }: WebSocketCloseInfo = await socket.closed;
const number: number = code;
for await (const { connection, writable } of Connection.again("/chat", { transports: ["websocket", "poll"] })) {
  const transport: TransportName | "" = connection.transport;
  await writable.getWriter().write(transport);
}
`;
