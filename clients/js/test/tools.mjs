// What the tests need and the package does not: packages in the folder that `cargo xtask setup` fills.
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

export const TOOLS = process.env.TIDEGATE_TOOLS ?? fileURLToPath(new URL("../../../target/tools", import.meta.url));

export const requireTool = createRequire(`${TOOLS}/`);

/** A program that one of the packages brings. @param {string} name */
export function program(name) {
  return `${TOOLS}/node_modules/.bin/${name}`;
}
