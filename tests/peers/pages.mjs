// A browser, led by tests: pages of a server of ours, as a person sees them.
import { launch } from '../../clients/js/test/browser/launch.mjs';
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

const pages = new Pages();
obey(pages, () => pages.quit());
