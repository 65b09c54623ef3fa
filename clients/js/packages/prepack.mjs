// Fills the folder of a package before `npm pack` or `npm publish`: its sources, its types, its license. Needs the tools that
// `cargo xtask setup` installs.
//
// What goes in is what the package's entry in `../src` reaches, and nothing else. The sources go as they are, but
// without their comments, which are half of them; what the public ones say stands in the types.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { program } from "../test/tools.mjs";

const CLIENT = fileURLToPath(new URL("..", import.meta.url));

const folder = process.cwd();
const { exports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const made = mkdtempSync(join(tmpdir(), "tidegate-prepack-"));
try {
  tsc("--outDir", join(made, "src"), "--removeComments");
  tsc("--outDir", join(made, "types"), "--declaration", "--emitDeclarationOnly", "--stripInternal");
  const [, entry] = exports["."].default.match(/^\.\/src\/(.+)\.js$/);
  for (const name of ["src", "types"]) rmSync(join(folder, name), { recursive: true, force: true });
  for (const [file, text] of reached(join(made, "src", `${entry}.js`)))
    put(join(folder, relative(made, file)), text);
  put(join(folder, exports["."].types), rolledUp(join(made, "types", `${entry}.d.ts`)));
  copyFileSync(join(CLIENT, "../../LICENSE-MIT"), join(folder, "LICENSE-MIT"));
} finally {
  rmSync(made, { recursive: true });
}

/** @param {...string} flags */
function tsc(...flags) {
  execFileSync(program("tsc"), ["-p", CLIENT, "--noEmit", "false", ...flags], { stdio: "inherit" });
}

/** Writes a file with one tab a level of indentation, where `tsc` writes four spaces. @param {string} file @param {string} text */
function put(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(
    file,
    text.replace(/^(?: {4})+/gm, (spaces) => "\t".repeat(spaces.length / 4)),
  );
}

/** A module and all that it needs, directly or not, with their texts. @param {string} entry @returns {Map<string, string>} */
function reached(entry) {
  /** @type {Map<string, string>} */
  const texts = new Map();
  const visit = (/** @type {string} */ file) => {
    if (texts.has(file)) return;
    const text = withoutTypedefs(readFileSync(file, "utf8"));
    texts.set(file, text);
    const ending = file.endsWith(".d.ts") ? ".d.ts" : ".js";
    for (const target of targets(text)) visit(resolve(dirname(file), `${target}${ending}`));
  };
  visit(entry);
  return texts;
}

/** What a module imports, without the ending. @param {string} text */
function targets(text) {
  return [...text.matchAll(/(?:from|import\()\s*"(\.[^"]+)\.js"/g)].map(([, target]) => target);
}

/** The types that an entry needs in one text: each file costs a header. @param {string} entry */
function rolledUp(entry) {
  const needed = reached(entry);
  const isPublic = new Set(exported(entry, needed));
  const all = [...needed.values()]
    .join("")
    .replace(/^(?:import|export) .*\bfrom .*\n/gm, "")
    .replace(/^export type \w+ = import\(.*\n/gm, "")
    .replace(/import\("[^"]+"\)\./g, "")
    .replace(/^export (?=(?:declare )?\w+ (\w+))/gm, (word, name) => (isPublic.has(name) ? word : ""))
    .replace(/\/\*\*\n *\* (.*)\n *\*\//g, "/** $1 */");
  // Without the empty export, what is not exported would be, too. It stands behind the comment on the whole.
  return all.replace(/^(\/\*\* .*\n|)/, "$1export {};\n");
}

/** The names that an entry exports. @param {string} entry @param {Map<string, string>} texts @returns {string[]} */
function exported(entry, texts) {
  const text = texts.get(entry) ?? "";
  const names = [...text.matchAll(/export (?:type|\{) (\w+)/g)].map(([, name]) => name);
  const others = [...text.matchAll(/export \* from "(.+)\.js"/g)].map(([, target]) => `${target}.d.ts`);
  return [...names, ...others.flatMap((name) => exported(resolve(dirname(entry), name), texts))];
}

/** What was made of a type's comment stands beside it, with the comment. @param {string} text */
function withoutTypedefs(text) {
  return text.replace(/\/\*\*(?:(?!\*\/)[^])*?@typedef(?:(?!\*\/)[^])*?\*\/\n/g, "");
}
