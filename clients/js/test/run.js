// Runs the contract tests in the runtime that runs this: Node, Deno, Bun.
//
// Usage: run.js LANE URL [WORD]. The last line is `N passed, M failed`; exit status 1 if any failed. With
// TIDEGATE_WS naming the `ws` package, that is the runtime's WebSocket.
import { runAll } from "./contract/all.js";
import { LANES } from "./lanes.js";

const process = /** @type {any} */ (globalThis).process;
const [lane, url, word] = process.argv.slice(2);
const { TIDEGATE_WS } = process.env;
const options = { ...LANES[lane] };
if (TIDEGATE_WS) options.platform = { WebSocket: (await import(TIDEGATE_WS)).default };

let failed = 0;
const results = await runAll(
  { name: lane, url, options },
  ({ name, error }) => {
    if (error) failed += 1;
    console.log(error ? `FAIL  ${name}: ${error}` : `ok    ${name}`);
  },
  word,
);
console.log(`${results.length - failed} passed, ${failed} failed`);
process.exit(failed > 0 || results.length === 0 ? 1 : 0);
