// The hazards of Chromium's WebSocketStream, met with ours over it: none may show.
//
// Usage: hazards.mjs URL [raw]. With `raw` the native class is used as it is, to see whether a new Chromium still has
// them; then nothing is judged. Needs TIDEGATE_TOOLS, and the contract server at URL.
import { launch, resultOf } from "./launch.mjs";
import { serve } from "./serve.mjs";

/** What has to come of each. */
const EXPECTED = {
  "a slow reader and a Close behind 100 messages": { 100: 1 },
  "two writes queued, then close": { ok: 3 },
  "a loop of writes, close in the middle": { InvalidStateError: 1, closed: "ok" },
  "twenty writes queued, then cancel": { ok: 21 },
  "twenty writes queued, then writer.close": { ok: 22 },
  "twenty writes queued, then writer.abort": { closed: "ok" },
  "close, then write": { write: "InvalidStateError", closed: "ok" },
  "writes, and the peer closes": { InvalidStateError: 1 },
  "an idle writer, and the connection is lost": { write: "WebSocketError" },
  "a write that never settles, then close": { write: "pending" },
};

const LIMIT_MS = 40_000;

const [url, raw = ""] = process.argv.slice(2);
const files = await serve();
let session = await launch("chromium");
let passed = 0;
let failed = 0;
for (const [mode, expected] of Object.entries(EXPECTED)) {
  const query = new URLSearchParams({ mode, url, raw });
  const seen = await resultOf(session.browser, `${files.origin}/test/browser/hazard.html?${query}`, LIMIT_MS).catch(
    (error) => error.message,
  );
  const isRight = JSON.stringify(seen) === JSON.stringify(expected);
  if (isRight || raw) passed += 1;
  else failed += 1;
  console.log(`${isRight ? "ok   " : raw ? "seen " : "FAIL "} ${mode}: ${JSON.stringify(seen)}`);
  if (`${seen}`.includes("crash")) {
    await session.close();
    session = await launch("chromium");
  }
}
await session.close();
files.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
