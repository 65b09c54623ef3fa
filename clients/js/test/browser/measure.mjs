// What credits cost in throughput, and what a server can push into a page that does not read: the figures of
// docs/benchmarks.md, as a table. Run it on a quiet machine.
//
// Usage: measure.mjs URL [ROUNDS [BROWSER]], with a release build of the contract server at URL. Needs TIDEGATE_TOOLS.
import { launch, resultOf } from "./launch.mjs";
import { serve } from "./serve.mjs";

const [url, rounds = "5", only = ""] = process.argv.slice(2);
const SIZES = [1024, 16_384, 65_536];
const LANES = {
  chromium: ["classic", "ponyfill", "credits", "native", "guarded"],
  firefox: ["classic", "ponyfill", "credits"],
};
const MS = 2000;

const files = await serve();
const measured = async (/** @type {any} */ browser, /** @type {object} */ what) => {
  const query = new URLSearchParams({ url, ms: `${MS}`, ...what });
  return resultOf(browser, `${files.origin}/test/browser/measure.html?${query}`, 60_000);
};
const median = (/** @type {number[]} */ numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

console.log(
  "| browser | lane | pushed unread, MiB | 1 KiB, MiB/s | 16 KiB, MiB/s | 64 KiB, MiB/s |\n|---|---|---|---|---|---|",
);
for (const [name, lanes] of Object.entries(LANES).filter(([name]) => name.includes(only))) {
  const { browser, close } = await launch(/** @type {"chromium" | "firefox"} */ (name));
  /** @type {Record<string, number[]>} */
  const speeds = {};
  for (let round = 0; round < Number(rounds); round += 1) {
    for (const lane of lanes) {
      for (const size of SIZES) {
        const { mibPerSecond } = await measured(browser, { lane, size, read: "yes" });
        (speeds[`${lane} ${size}`] ??= []).push(mibPerSecond);
      }
    }
  }
  for (const lane of lanes) {
    const isBounded = lane !== "classic" && lane !== "ponyfill";
    const { pushedMib } = isBounded
      ? await measured(browser, { lane, size: 16_384, read: "no" })
      : { pushedMib: undefined };
    const cells = SIZES.map((size) => median(speeds[`${lane} ${size}`]).toFixed(0));
    console.log(`| ${name} | ${lane} | ${pushedMib?.toFixed(2) ?? "no bound"} | ${cells.join(" | ")} |`);
  }
  await close();
}
files.close();
process.exit(0);
