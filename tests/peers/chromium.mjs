// Chromium, led by tests. Each tab is a peer: a page whose script holds one native WebSocketStream.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { obey, requireTool } from './commands.mjs';

const puppeteer = requireTool('puppeteer-core');

// Without a network, Chromium would ask for Google's hosts all the time.
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-default-apps',
  '--disable-extensions',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const PAGE = '<!doctype html><meta charset="utf-8"><title>peer</title><script type="module" src="page.mjs"></script>';

/** Every method is a command. */
class Chromium {
  #home = mkdtempSync(join(tmpdir(), 'tidegate-chromium-'));
  #browser;
  #origin;
  #tabs = new Map();

  async launch({ ca }) {
    this.#trust(ca);
    this.#origin = await serve();
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/_proxy$/i.test(name)));
    this.#browser = await puppeteer.launch({
      executablePath: execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim(),
      headless: true,
      args: FLAGS,
      userDataDir: join(this.#home, 'profile'),
      env: { ...env, HOME: this.#home },
      timeout: 120_000,
      protocolTimeout: 240_000,
    });
    return { origin: this.#origin, version: await this.#browser.version() };
  }

  /** Chromium reads whom to trust from a database in the home folder. */
  #trust(ca) {
    const database = join(this.#home, '.pki', 'nssdb');
    mkdirSync(database, { recursive: true });
    const file = join(this.#home, 'ca.pem');
    writeFileSync(file, ca);
    const certutil = (...flags) => execFileSync('certutil', ['-d', `sql:${database}`, ...flags]);
    certutil('-N', '--empty-password');
    certutil('-A', '-n', 'throwaway', '-t', 'C,,', '-i', file);
  }

  async open({ tab }) {
    const page = await this.#browser.newPage();
    this.#tabs.set(tab, page);
    await page.goto(`${this.#origin}/`);
    await page.waitForFunction('window.peer !== undefined');
  }

  call({ tab, action, named }) {
    const run = (method, given) => window.peer[method](given);
    return this.#tabs.get(tab).evaluate(run, action, named);
  }

  async shut({ tab }) {
    const page = this.#tabs.get(tab);
    this.#tabs.delete(tab);
    await page?.close();
  }

  async leave() {
    await this.#browser?.close().catch(() => {});
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** Serves the page on a free port, and returns its origin. */
async function serve() {
  const script = readFileSync(new URL('page.mjs', import.meta.url));
  const server = createServer((request, response) => {
    const [type, body] = request.url === '/page.mjs' ? ['text/javascript', script] : ['text/html', PAGE];
    response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${server.address().port}`;
}

const chromium = new Chromium();
obey(chromium, () => chromium.leave());
