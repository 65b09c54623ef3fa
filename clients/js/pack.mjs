// Makes the package that npm gets: `node pack.mjs FOLDER` puts tidegate-VERSION.tgz there. Needs `tsc` and `npm`.
//
// The sources go as they are, but without their comments, which are half of them; what the public ones say stands in
// the types. That the folder of the sources cannot be published by mistake, its package.json is private.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const FROM_ROOT = ["LICENSE-MIT"];

/** The entries beside the first, and what of it each has. */
const ENTRIES = {
  "connection.d.ts": "Connection, WebSocketError, type ConnectionOptions, type TransportName",
  "stream.d.ts": "WebSocketStream, WebSocketError, type WebSocketStreamOptions",
};

const out = resolve(process.argv[2] ?? fail("usage: pack.mjs FOLDER"));
const stage = join(out, "package");
rmSync(stage, { recursive: true, force: true });
mkdirSync(stage, { recursive: true });

tsc("--outDir", join(stage, "src"), "--removeComments");
tsc("--outDir", join(stage, "types"), "--declaration", "--emitDeclarationOnly", "--stripInternal");
rollUp(join(stage, "types"), "index.d.ts");
for (const [entry, names] of Object.entries(ENTRIES))
  writeFileSync(join(stage, "types", entry), `export { ${names} } from "./index.js";\n`);
for (const name of ["src", "types"]) indentByTabs(join(stage, name));
for (const name of ["README.md", "example"]) cpSync(join(HERE, name), join(stage, name), { recursive: true });
for (const name of FROM_ROOT) cpSync(join(HERE, "../..", name), join(stage, name));
const { private: _, scripts: __, ...manifest } = JSON.parse(readFileSync(join(HERE, "package.json"), "utf8"));
writeFileSync(join(stage, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
const said = execFileSync("npm", ["pack", "--silent", "--pack-destination", out], { cwd: stage, encoding: "utf8" });
console.log(join(out, said.trim().split("\n").at(-1) ?? ""));

/** @param {...string} flags */
function tsc(...flags) {
  execFileSync("tsc", ["-p", join(HERE, "tsconfig.json"), "--noEmit", "false", ...flags], { stdio: "inherit" });
}

/** Puts the types that the entry needs into one file: each file costs a header. @param {string} folder @param {string} entry */
function rollUp(folder, entry) {
  /** @type {Map<string, string>} */
  const needed = new Map();
  const visit = (/** @type {string} */ file) => {
    if (needed.has(file)) return;
    const text = withoutTypedefs(readFileSync(file, "utf8"));
    needed.set(file, text);
    for (const [, target] of text.matchAll(/(?:from|import\()\s*"(\.[^"]+)\.js"/g))
      visit(resolve(dirname(file), `${target}.d.ts`));
  };
  const index = resolve(folder, entry);
  visit(index);
  const isPublic = new Set([...(needed.get(index) ?? "").matchAll(/export (?:type|\{) (\w+)/g)].map(([, name]) => name));
  const all = [...needed.values()]
    .join("")
    .replace(/^(?:import|export) .*\bfrom .*\n/gm, "")
    .replace(/^export type \w+ = import\(.*\n/gm, "")
    .replace(/import\("[^"]+"\)\./g, "")
    .replace(/^export (?=(?:declare )?\w+ (\w+))/gm, (word, name) => (isPublic.has(name) ? word : ""))
    .replace(/\/\*\*\n *\* (.*)\n *\*\//g, "/** $1 */");
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
  // Without the empty export, what is not exported would be, too. It stands behind the comment on the whole.
  writeFileSync(index, all.replace(/^(\/\*\* .*\n|)/, "$1export {};\n"));
}

/** What was made of a type's comment stands beside it, with the comment. @param {string} text */
function withoutTypedefs(text) {
  return text.replace(/\/\*\*(?:(?!\*\/)[^])*?@typedef(?:(?!\*\/)[^])*?\*\/\n/g, "");
}

/** A level of indentation is one tab, where `tsc` writes four spaces. @param {string} folder */
function indentByTabs(folder) {
  for (const name of readdirSync(folder, { recursive: true })) {
    const file = join(folder, `${name}`);
    if (!/\.(js|d\.ts)$/.test(file)) continue;
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace(/^(?: {4})+/gm, (spaces) => "\t".repeat(spaces.length / 4)));
  }
}

/** @param {string} why @returns {never} */
function fail(why) {
  console.error(why);
  process.exit(2);
}
