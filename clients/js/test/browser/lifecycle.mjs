// Pages that are left, come back, or are many: what becomes of their connections.
//
// Usage: lifecycle.mjs BROWSER. Needs TIDEGATE_TOOLS.
import { Chaos } from "../peer/chaos.mjs";
import { launch, resultOf } from "./launch.mjs";
import { startServer } from "../peer/server.mjs";

const [name] = process.argv.slice(2);
const LIMIT_MS = 60_000;
const TABS = 8;

const server = await startServer();
const chaos = await new Chaos(server.url).listen();
const origin = chaos.url.replace(/^ws/, "http");
const session = await launch(/** @type {"chromium" | "firefox"} */ (name));
let passed = 0;
let failed = 0;

/** @param {string} what @param {() => Promise<string>} run says what is wrong, or a figure in brackets */
async function test(what, run) {
  const limit = new Promise((resolve) => setTimeout(() => resolve("it took too long"), LIMIT_MS).unref());
  const said = await Promise.race([run(), limit]).catch((error) => `${error}`);
  const isRight = said === "" || said.startsWith("(");
  if (isRight) passed += 1;
  else failed += 1;
  console.log(`${isRight ? "ok   " : "FAIL "} ${what} ${said}`);
}

/** @param {() => unknown} holds */
async function until(holds) {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 25));
}

/** @param {any} page @param {string} path */
async function open(page, path) {
  await page.goto(origin + path);
  await until(() => page.evaluate("window.isReady === true"));
}

/** @param {any} page @param {number} from @param {number} to */
async function converse(page, from, to) {
  await page.evaluate(`void window.converse(${from}, ${to})`);
  await until(() => page.evaluate("window.answer !== undefined"));
  return page.evaluate("window.answer");
}

for (const transport of ["websocket", "stream", "poll"]) {
  await test(`a page that is left for good says so: ${transport}`, async () => {
    const page = await session.browser.newPage();
    await open(page, `/test/browser/lifecycle.html?id=left-${transport}&transport=${transport}`);
    const answer = await converse(page, 0, 10);
    await page.goto(`${origin}/test/browser/nothing.html`);
    await until(() => server.meter(`left-${transport}`) !== undefined);
    await page.close();
    if (answer !== "ok") return answer;
    const code = server.meter(`left-${transport}`);
    return code === 1001 ? "" : `it was ended with ${code}`;
  });
}

await test("several transports that open at once leave one session", async () => {
  const page = await session.browser.newPage();
  const before = server.sessions();
  // The WebSocket has won before what was tried beside it is answered.
  const path = encodeURIComponent("/sleep?ms=1600");
  await open(page, `/test/browser/lifecycle.html?path=${path}`);
  const tried = chaos.seen.slice(-2);
  await until(() => server.sessions() === before + 1 && chaos.seen.includes("DELETE"));
  const answer = await converse(page, 0, 10);
  await page.close();
  return answer === "ok" ? `(${tried.join(", ")})` : answer;
});

await test("an acknowledgement overtakes a request: it asks again for where it is", async () => {
  const page = await session.browser.newPage();
  await open(page, "/test/browser/lifecycle.html?id=old&transport=stream");
  const before = await converse(page, 0, 10);
  let goOn = () => {};
  chaos.weather = { hold: new Promise((resolve) => (goOn = () => resolve(undefined))) };
  chaos.answered = [];
  // As after a change of networks: another is tried beside the one that there is, which goes on meanwhile.
  await page.evaluate('void window.dispatchEvent(new Event("online"))');
  // What is written now says that what was read before has come.
  const meanwhile = [await converse(page, 10, 300), await converse(page, 300, 500)];
  goOn();
  chaos.weather = {};
  await until(() => chaos.answered.includes(410));
  const after = await converse(page, 500, 600);
  await page.close();
  const answers = [before, ...meanwhile, after];
  return answers.every((answer) => answer === "ok") ? "" : answers.join(", ");
});

await test("a page that comes back goes on", async () => {
  const page = await session.browser.newPage();
  await open(page, "/test/browser/lifecycle.html?id=back&keep");
  const before = await converse(page, 0, 10);
  await page.evaluate("window.marked = true");
  await page.goto(`${origin}/test/browser/nothing.html`);
  await page.goBack();
  await until(() => page.evaluate("window.isReady === true"));
  // Not every browser keeps a page that has a WebSocket; then it is another page that has come back.
  const isKept = await page.evaluate("window.marked === true");
  const after = await converse(page, isKept ? 10 : 0, 100);
  await page.close();
  if (before !== "ok" || after !== "ok") return `before: ${before}, after: ${after}`;
  return isKept ? "(it was kept)" : "(it was loaded anew)";
});

await test(`${TABS} tabs over HTTP/1.1 without WebSocket all converse`, async () => {
  chaos.weather = { upgrade: "refuse" };
  const page = `${origin}/test/browser/chaos.html?count=1000&perSecond=200`;
  const results = await Promise.all(
    Array.from({ length: TABS }, () =>
      resultOf(session.browser, page, LIMIT_MS).catch((error) => ({ wrong: error.message, ways: [] })),
    ),
  );
  const wrong = results.map((result) => result.wrong).filter(Boolean);
  return wrong.join("; ") || `(${results.map(({ ways }) => ways.join(", ").replace(/(, )?$/, "")).join(" | ")})`;
});

await session.close();
chaos.close();
server.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
