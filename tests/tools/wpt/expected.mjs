// The list of failures that are expected, each with a reason.
import { readFileSync } from 'node:fs';

/**
 * @typedef {{ browser: string, carrier: string, scope: string, variant: string, file: string, subtest: string,
 *   reason: string, mayPass: boolean, line: number, isSeen: boolean, isUsed: boolean }} Entry
 */

/**
 * A line `= reason` heads the entries that it explains; `~ reason` heads some that fail now and then. An entry is
 * `BROWSER CARRIER SCOPE VARIANT FILE SUBTEST`, where `*` stands for any; the last goes on to the end of the line.
 *
 * @param {string} path
 * @returns {Entry[]}
 */
export function readExpected(path) {
  let reason = null;
  let mayPass = false;
  const entries = [];
  for (const [at, line] of readFileSync(path, 'utf8').split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    if (/^[=~] /.test(line)) {
      [reason, mayPass] = [line.slice(2).trim(), line.startsWith('~')];
      continue;
    }
    const match = /^(\S+) (\S+) (\S+) (\S+) (\S+) (.+)$/.exec(line);
    if (!match || reason === null) throw new Error(`${path}:${at + 1}: no entry, or one without a reason: ${line}`);
    const [, browser, carrier, scope, variant, file, subtest] = match;
    const place = { browser, carrier, scope, variant, file, subtest };
    entries.push({ ...place, reason, mayPass, line: at + 1, isSeen: false, isUsed: false });
  }
  return entries;
}

const matches = (pattern, value) => pattern === '*' || pattern === value;

/**
 * What one page's results come to.
 *
 * @param {Entry[]} entries
 * @param {{ browser: string, carrier: string, scope: string, variant: string, file: string }} task
 * @param {{ name: string, status: string, message: string }[]} tests
 */
export function judge(entries, task, tests) {
  const own = entries.filter((entry) =>
    ['browser', 'carrier', 'scope', 'variant', 'file'].every((key) => matches(entry[key], task[key])),
  );
  for (const entry of own) entry.isSeen = true;
  const verdict = { passed: 0, expected: 0, unexpected: [] };
  for (const test of tests) {
    const entry = own.find(({ subtest }) => matches(subtest, oneLine(test.name)));
    if (entry) entry.isUsed = true;
    if (test.status === 'PASS') {
      verdict.passed += 1;
      if (entry && entry.subtest !== '*' && !entry.mayPass) {
        verdict.unexpected.push({ ...test, message: `passes, but line ${entry.line} expects it to fail` });
      }
    } else if (entry) {
      verdict.expected += 1;
    } else {
      verdict.unexpected.push(test);
    }
  }
  const whole = own.find(({ subtest, mayPass }) => subtest === '*' && !mayPass);
  if (whole && tests.length > 0 && verdict.passed === tests.length) {
    const message = `all pass, but line ${whole.line} expects a failure`;
    verdict.unexpected.push({ name: '*', status: 'PASS', message });
  }
  return verdict;
}

/** Entries of pages that were run, for subtests that these do not have. @param {Entry[]} entries */
export function stale(entries) {
  return entries.filter(({ isSeen, isUsed }) => isSeen && !isUsed);
}

/** Names of subtests may hold line ends, and what no line can hold. */
export function oneLine(name) {
  return name.replace(/[\u0000-\u001f\u007f-\u00a0\u2028\u2029\ud800-\udfff]/g, (c) =>
    /[\ud800-\udfff]/.test(c) ? c : `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
