// The package as npm gets it. Needs TIDEGATE_TOOLS.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { TOOLS, program } from "../tools.mjs";

const folder = mkdtempSync(join(tmpdir(), "tidegate-pack-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** @param {string} command @param {string[]} words */
function run(command, words) {
  const PATH = [`${TOOLS}/node_modules/.bin`, process.env.PATH].join(delimiter);
  return execFileSync(command, words, { cwd: folder, encoding: "utf8", env: { ...process.env, PATH } });
}

test("it is small, complete, imports, and its types hold", () => {
  const file = run("node", [fileURLToPath(new URL("../../pack.mjs", import.meta.url)), folder]).trim();
  const { size } = statSync(file);
  assert.ok(size < 20_000, `it has ${size} bytes`);

  const names = run("tar", ["tzf", file]).trim().split("\n");
  for (const name of ["README.md", "LICENSE-MIT", "types/index.d.ts", "example/feed.js", "src/index.js"]) {
    assert.ok(names.includes(`package/${name}`), `${name} is in it`);
  }
  const installed = join(folder, "node_modules/tidegate");
  mkdirSync(installed, { recursive: true });
  run("tar", ["xzf", file, "-C", installed, "--strip-components=1"]);
  writeFileSync(join(folder, "package.json"), `{ "type": "module" }`);
  writeFileSync(join(folder, "import.js"), IMPORT);
  assert.equal(run("node", ["import.js"]).trim(), "wss://localhost/x WebSocketError 3000 WebSocketError 1006");

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

const IMPORT = `
import { WebSocketError, WebSocketStream } from "tidegate";
const socket = new WebSocketStream("https://localhost/x", { platform: { WebSocket: class { constructor() { throw new Error("none"); } } } });
const error = new WebSocketError("x", { closeCode: 3000 });
const closed = await socket.closed.catch((reason) => reason);
console.log(socket.url, error.name, error.closeCode, closed.name, closed.closeCode);
`;

const USE = `
import { WebSocketStream, type WebSocketCloseInfo } from "tidegate";
const socket = new WebSocketStream(new URL("wss://localhost/"), { protocols: ["a"], credits: { window: 1 << 20 } });
const { readable, writable, protocol } = await socket.connection;
for await (const message of readable) {
  const bytes: number = typeof message === "string" ? message.length : message.byteLength;
  await writable.getWriter().write(new Uint8Array(bytes));
}
socket.close({ closeCode: 1000, reason: protocol });
const { code }: WebSocketCloseInfo = await socket.closed;
const number: number = code;
`;
