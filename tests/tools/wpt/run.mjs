// Runs web-platform-tests of `websockets/` in real browsers, against the server that `cargo xtask wpt` names.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { launch } from './browsers.mjs';
import { judge, oneLine, readExpected, stale } from './expected.mjs';
import { runPage } from './page.mjs';

const list = (text) => text.split(',').filter(Boolean);

const { values: given, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    server: { type: 'string' },
    root: { type: 'string' },
    expected: { type: 'string' },
    browsers: { type: 'string', default: 'chromium,firefox' },
    carriers: { type: 'string', default: 'native' },
    variants: { type: 'string', default: 'default,wss' },
    scopes: { type: 'string', default: 'window,worker' },
    jobs: { type: 'string', default: '4' },
    inject: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
  },
});

const STREAM = 'websockets/stream/';

/** What runs over the package instead of the browser's own class, and what only exists natively in one browser. */
function isFor(browser, carrier, page) {
  const isStream = page.file.startsWith(STREAM);
  if (carrier === 'ponyfill') return isStream && page.scope !== 'serviceworker';
  return !isStream || browser === 'chromium';
}

/** The word for a variant, as it is chosen by. */
function kindOf(query) {
  if (query.includes('wpt_flags=h2')) return 'h2';
  return query.includes('wss') ? 'wss' : 'default';
}

/** The pages to open, each with a query, as `variants` asks for. */
function tasksOf(pages, browser, carrier) {
  const tasks = [];
  for (const page of pages.filter((page) => isFor(browser, carrier, page))) {
    if (!list(given.scopes).includes(page.scope)) continue;
    if (words.length > 0 && !words.some((word) => page.file.includes(word))) continue;
    for (const variant of list(given.variants)) {
      const declared = page.variants.find((query) => kindOf(query) === variant);
      if (variant !== 'default' && declared === undefined) continue;
      const query = declared ?? (page.variants.length > 0 ? '?default' : '');
      const isHttps = page.is_https || query.includes('wpt_flags=');
      const { file, path, scope, is_long: isLong, missing } = page;
      tasks.push({ browser, carrier, scope, variant, file, path, query, isHttps, isLong, missing });
    }
  }
  // The long ones first, so that nobody waits for one at the end.
  return tasks.sort((one, other) => other.isLong - one.isLong);
}

/** Starts the server; it ends with us, since its input does. */
async function startServer(carrier) {
  const inject = carrier === 'ponyfill' ? given.inject : [];
  const server = spawn(given.server, [given.root, given.jobs, ...inject], { stdio: ['pipe', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: server.stdout })) {
    return { world: JSON.parse(line), stop: () => server.stdin.end() };
  }
  throw new Error('the server did not start');
}

/** Runs the tasks in as many pages as there are lanes, and hands each result to `tell`. */
async function runAll(tasks, world, lanes, browser, tell) {
  const waiting = [...tasks];
  let session = await launch(browser, world);
  const work = async (ports) => {
    for (let task = waiting.shift(); task; task = waiting.shift()) {
      const origin = task.isHttps ? `https://${world.host}:${ports.https}` : `http://${world.host}:${ports.http}`;
      const mine = session;
      const results = await runPage(mine.browser, `${origin}/${task.path}${task.query}`, task.isLong);
      if (!mine.browser.connected && session === mine) session = await launch(browser, world);
      tell(task, results);
    }
  };
  try {
    await Promise.all(lanes.map(work));
  } finally {
    await Promise.race([session.close(), new Promise((resolve) => setTimeout(resolve, 15_000))]);
  }
  return session.version;
}

/** A page without results is itself a failed test. */
function testsOf(results) {
  if (results.harness === 'OK') return results.tests;
  const { harness, message } = results;
  return [...results.tests, { name: '(harness)', status: harness, message }];
}

function show(task, verdict, tests, note) {
  const { browser, carrier, scope, variant, file } = task;
  const mark = verdict.unexpected.length > 0 ? 'FAIL' : 'ok  ';
  const expected = verdict.expected > 0 ? `, ${verdict.expected} expected to fail` : '';
  console.log(`${mark} ${browser} ${carrier} ${scope} ${variant} ${file}: ${verdict.passed}/${tests.length}${expected}${note}`);
  for (const { name, status, message } of verdict.unexpected) {
    console.log(`       ${status} ${oneLine(name)}\n            ${oneLine(message).slice(0, 300)}`);
  }
}

/** One browser with one carrier: all pages, and once more, one by one, those that were not as expected. */
async function campaign(browser, carrier, entries) {
  const { world, stop } = await startServer(carrier);
  const sum = { browser, carrier, records: [], skipped: [], version: '' };
  try {
    const all = tasksOf(world.pages, browser, carrier);
    const tasks = all.filter(({ missing }) => missing.length === 0);
    sum.skipped = all.filter(({ missing }) => missing.length > 0);
    for (const { scope, variant, file, missing } of sum.skipped) {
      console.log(`skip ${browser} ${carrier} ${scope} ${variant} ${file}: the folder has no ${missing.join(', ')}`);
    }
    const again = [];
    const tell = (isLast) => (task, results) => {
      const tests = testsOf(results);
      const verdict = judge(entries, task, tests);
      if (verdict.unexpected.length > 0 && !isLast) again.push(task);
      else sum.records.push({ task, tests, verdict });
      show(task, verdict, tests, isLast ? ' (again)' : '');
    };
    sum.version = await runAll(tasks, world, world.lanes, browser, tell(false));
    if (again.length > 0) await runAll(again, world, world.lanes.slice(0, 1), browser, tell(true));
    sum.again = again.length;
  } finally {
    stop();
  }
  return sum;
}

/** Passed and all subtests of some records. */
function ratio(records) {
  const passed = records.reduce((sum, { verdict }) => sum + verdict.passed, 0);
  const all = records.reduce((sum, { tests }) => sum + tests.length, 0);
  return all === 0 ? '-' : `${passed}/${all}`;
}

function table(sums) {
  console.log('\n| browser | carrier | files | variant | window | worker | run twice |\n|---|---|---|---|---|---|---|');
  for (const { version, carrier, records, again } of sums) {
    for (const variant of list(given.variants)) {
      for (const [name, isStream] of [['classic', false], ['stream', true]]) {
        const cell = records.filter(
          ({ task }) => task.variant === variant && task.file.startsWith(STREAM) === isStream,
        );
        if (cell.length === 0) continue;
        const windows = ratio(cell.filter(({ task }) => task.scope === 'window'));
        const workers = ratio(cell.filter(({ task }) => task.scope !== 'window'));
        console.log(`| ${version} | ${carrier} | ${name} | ${variant} | ${windows} | ${workers} | ${again} |`);
      }
    }
  }
}

const entries = readExpected(given.expected);
const sums = [];
for (const browser of list(given.browsers)) {
  for (const carrier of list(given.carriers)) {
    sums.push(await campaign(browser, carrier, entries));
  }
}
table(sums);
const records = sums.flatMap(({ records }) => records);
const count = (of) => records.reduce((sum, { verdict }) => sum + of(verdict), 0);
if (given.json) writeFileSync(given.json, JSON.stringify(records, null, 1));
const old = stale(entries);
for (const { line, file, subtest } of old) console.log(`FAIL line ${line} of the list: ${file} has no subtest ${subtest}`);
if (records.length === 0) console.log('FAIL no page was chosen');
const failed = count(({ unexpected }) => unexpected.length) + old.length + (records.length === 0 ? 1 : 0);
const skipped = count(({ expected }) => expected) + sums.reduce((sum, { skipped }) => sum + skipped.length, 0);
console.log('\nskipped: failures that are expected, and pages whose scripts the folder does not have');
console.log(`${count(({ passed }) => passed)} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed > 0 ? 1 : 0);
