// What the tests need and the package does not: packages in the folder that `cargo xtask setup` fills.
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

export const TOOLS = process.env.TIDEGATE_TOOLS ?? fileURLToPath(new URL("../../../target/tools", import.meta.url));

export const requireTool = createRequire(`${TOOLS}/`);

/** A program that one of the packages brings. @param {string} name */
export function program(name) {
  if (name === "bun") return bun();
  return `${TOOLS}/node_modules/.bin/${name}`;
}

/** Bun's own link to its program is made by a script, and no package's scripts are run here. */
function bun() {
  const folder = `${TOOLS}/node_modules/@oven`;
  const [build] = existsSync(folder) ? readdirSync(folder) : [];
  return `${folder}/${build}/bin/bun`;
}
