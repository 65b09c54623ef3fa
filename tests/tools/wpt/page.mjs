// Opens one page with tests, and waits for what they find.

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A test that is not long has 10 s, a long one 60 s; four times that on a busy machine, and time to load. */
const LIMIT_MS = { short: 70_000, long: 270_000 };

/** How long a page may keep from answering before it is asked again. */
const ANSWER_MS = 10_000;

/**
 * @returns {Promise<{ harness: string, message: string, tests: { name: string, status: string, message: string }[] }>}
 */
export async function runPage(browser, url, isLong) {
  const deadline = Date.now() + (isLong ? LIMIT_MS.long : LIMIT_MS.short);
  let crash = null;
  let page = null;
  try {
    page = await inTurn(() => openTab(browser));
    page.on('error', (error) => (crash = error));
    await page.goto(url, { waitUntil: 'domcontentloaded', timeout: LIMIT_MS.short });
    while (Date.now() < deadline) {
      if (crash) return { harness: 'CRASH', message: crash.message, tests: [] };
      const results = await ask(page);
      if (results) return results;
      await sleep(100);
    }
    return { harness: 'TIMEOUT', message: 'the page told no results', tests: [] };
  } catch (error) {
    return { harness: crash ? 'CRASH' : 'ERROR', message: String(error), tests: [] };
  } finally {
    await inTurn(() => Promise.race([page?.close().catch(() => {}), sleep(5_000)]));
  }
}

let turn = Promise.resolve();

/** Tabs are opened and closed one at a time: Firefox fails to make one while another goes. */
function inTurn(act) {
  const acted = turn.then(act);
  turn = acted.catch(() => {});
  return acted;
}

/** A test that closes a window of its own may disturb it all the same. */
async function openTab(browser) {
  for (let left = 3; ; left -= 1) {
    try {
      return await browser.newPage();
    } catch (error) {
      if (left === 0 || !browser.connected) throw error;
      await sleep(500);
    }
  }
}

async function ask(page) {
  // As text, so that a name with half a surrogate pair comes through.
  const answer = page.evaluate('window.__results ? JSON.stringify(window.__results) : ""').catch(() => '');
  const text = await Promise.race([answer, sleep(ANSWER_MS).then(() => '')]);
  return text ? JSON.parse(text) : null;
}
