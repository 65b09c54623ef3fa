// A browser, led by tests: pages of a server of ours, as a person sees them, and pages of others that use it.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch } from '../../clients/js/test/browser/launch.mjs';
import { TOOLS, program } from '../../clients/js/test/tools.mjs';
import { obey } from './commands.mjs';

/** Every method is a command. */
class Pages {
  #browser;
  #close = async () => {};
  #pages = new Map();

  async launch({ browser }) {
    const launched = await launch(browser);
    this.#browser = launched.browser;
    this.#close = launched.close;
  }

  /** Serves a page with a script of this folder, on an origin of its own. */
  async serve({ script }) {
    const bundle = bundled(script);
    const server = createServer((request, response) => {
      const [type, body] = request.url === '/page.js' ? ['text/javascript', bundle] : ['text/html', PAGE];
      response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
    });
    server.listen(0, '127.0.0.1').unref();
    await once(server, 'listening');
    return `http://127.0.0.1:${server.address().port}`;
  }

  async open({ tab, url, width = 1200, height = 1100 }) {
    const page = await this.#browser.newPage();
    this.#pages.set(tab, page);
    await page.setViewport({ width, height });
    await page.goto(url);
  }

  /** Writes into a field, and presses Enter. */
  async enter({ tab, field, text }) {
    const page = this.#pages.get(tab);
    await page.bringToFront();
    await page.focus(field);
    await page.type(field, text);
    await page.keyboard.press('Enter');
  }

  async click({ tab, selector }) {
    await this.#pages.get(tab).evaluate((selector) => document.querySelector(selector).click(), selector);
  }

  /** Drops a file of the disk on an element; in Chromium, where a test can. */
  async drop({ tab, selector, path }) {
    const page = this.#pages.get(tab);
    await page.bringToFront();
    const { x, y } = await (await page.$(selector)).clickablePoint();
    const session = await page.createCDPSession();
    const data = { items: [], files: [path], dragOperationsMask: 1 };
    for (const type of ['dragEnter', 'dragOver', 'drop']) {
      await session.send('Input.dispatchDragEvent', { type, x, y, data });
    }
    await session.detach();
  }

  async visit({ tab, url }) {
    await this.#pages.get(tab).goto(url);
  }

  /** Waits until an expression is true in the page. */
  async until({ tab, expression }) {
    await this.#pages.get(tab).waitForFunction(expression, { timeout: 60_000, polling: 50 });
  }

  async evaluate({ tab, expression }) {
    return this.#pages.get(tab).evaluate(expression);
  }

  async screenshot({ tab, path, selector }) {
    const page = this.#pages.get(tab);
    await page.bringToFront();
    const element = selector ? await page.$(selector) : page;
    await element.screenshot({ path });
  }

  /** The last thing done. */
  async quit() {
    await this.#close();
  }
}

const PAGE = '<!doctype html><meta charset="utf-8"><title>page</title><script type="module" src="/page.js"></script>';

/** A script with all that it imports from the folder of the tools, as one. */
function bundled(script) {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-bundle-'));
  try {
    symlinkSync(join(TOOLS, 'node_modules'), join(folder, 'node_modules'));
    copyFileSync(new URL(script, import.meta.url), join(folder, script));
    execFileSync(program('bun'), ['build', script, '--target', 'browser', '--outfile', 'bundle.js'], { cwd: folder });
    return readFileSync(join(folder, 'bundle.js'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const pages = new Pages();
obey(pages, () => pages.quit());
