// The contract tests in a browser, in a window and in a worker.
//
// Usage: contract.mjs BROWSER LANES URL [WORD], where LANES are separated by commas. Needs TIDEGATE_TOOLS.
import { launch, resultOf } from "./launch.mjs";
import { serve } from "./serve.mjs";

const LIMIT_MS = 150_000;

const [name, lanes, url, only = ""] = process.argv.slice(2);
const files = await serve();
const session = await launch(/** @type {"chromium" | "firefox"} */ (name));
let passed = 0;
let failed = 0;
for (const lane of lanes.split(",")) {
  for (const scope of ["window", "worker"]) {
    const query = new URLSearchParams({ lane, url, scope, only });
    const results = await resultOf(session.browser, `${files.origin}/test/browser/page.html?${query}`, LIMIT_MS).catch(
      (error) => [{ name: "the page", error: error.message }],
    );
    for (const { name: test, error } of results) {
      if (error) failed += 1;
      else passed += 1;
      console.log(`${error ? "FAIL " : "ok   "} ${lane} ${scope}: ${test}${error ? `: ${error}` : ""}`);
    }
  }
}
await session.close();
files.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
