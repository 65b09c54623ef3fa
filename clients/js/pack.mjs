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

const out = resolve(process.argv[2] ?? fail("usage: pack.mjs FOLDER"));
const stage = join(out, "package");
rmSync(stage, { recursive: true, force: true });
mkdirSync(stage, { recursive: true });

tsc("--outDir", join(stage, "src"), "--removeComments");
tsc("--outDir", join(stage, "types"), "--declaration", "--emitDeclarationOnly", "--stripInternal");
prune(join(stage, "types"), ["index.d.ts", "connection.d.ts", "stream.d.ts"]);
withoutSources(join(stage, "types"));
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

/** Leaves only the types that the entries need. @param {string} folder @param {string[]} entries */
function prune(folder, entries) {
  const needed = new Set();
  const visit = (/** @type {string} */ file) => {
    if (needed.has(file)) return;
    needed.add(file);
    const text = readFileSync(file, "utf8");
    for (const [, target] of text.matchAll(/(?:from|import\()\s*"(\.[^"]+)\.js"/g))
      visit(resolve(dirname(file), `${target}.d.ts`));
  };
  for (const entry of entries) visit(resolve(folder, entry));
  for (const name of readdirSync(folder, { recursive: true })) {
    const file = resolve(folder, `${name}`);
    if (file.endsWith(".d.ts") && !needed.has(file)) rmSync(file);
  }
}

/** What was made of a type's comment stands beside it, with the comment. @param {string} folder */
function withoutSources(folder) {
  for (const name of readdirSync(folder, { recursive: true })) {
    const file = join(folder, `${name}`);
    if (!file.endsWith(".d.ts")) continue;
    const comments = /\/\*\*(?:(?!\*\/)[^])*?@typedef(?:(?!\*\/)[^])*?\*\/\n/g;
    writeFileSync(file, readFileSync(file, "utf8").replace(comments, ""));
  }
}

/** @param {string} why @returns {never} */
function fail(why) {
  console.error(why);
  process.exit(2);
}
