// Starts Debian's chromium or firefox-esr, headless, with a fresh profile. Nothing is downloaded.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireTool } from "../tools.mjs";

const puppeteer = requireTool("puppeteer-core");

/** Without a network, browsers would ask for their makers' hosts all the time. */
const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--no-default-browser-check",
  "--disable-default-apps",
  "--disable-extensions",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const FIREFOX_PREFERENCES = {
  "app.update.enabled": false,
  "browser.safebrowsing.downloads.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "datareporting.healthreport.uploadEnabled": false,
  "extensions.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "network.proxy.type": 0,
  "network.trr.mode": 5,
  "services.settings.server": "data:,",
  "toolkit.telemetry.enabled": false,
};

/** @param {"chromium" | "firefox"} name */
export async function launch(name) {
  const home = mkdtempSync(join(tmpdir(), `tidegate-${name}-`));
  const environment = Object.entries(process.env).filter(([key]) => !/_proxy$/i.test(key));
  const common = {
    headless: true,
    userDataDir: join(home, "profile"),
    env: { ...Object.fromEntries(environment), HOME: home },
    timeout: 120_000,
    protocolTimeout: 240_000,
  };
  const browser =
    name === "chromium"
      ? await puppeteer.launch({ ...common, executablePath: which("chromium"), args: CHROMIUM_FLAGS })
      : await puppeteer.launch({
          ...common,
          browser: "firefox",
          executablePath: which("firefox-esr"),
          extraPrefsFirefox: FIREFOX_PREFERENCES,
        });
  const close = async () => {
    await Promise.race([browser.close(), pause(10_000)]).catch(() => {});
    rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  return { browser, close };
}

/**
 * Opens a page, and waits for what it puts into `window.result`.
 *
 * @param {any} browser
 * @param {string} url
 * @param {number} limit milliseconds
 * @returns {Promise<any>} rejects with `the tab crashed` if it does
 */
export async function resultOf(browser, url, limit) {
  const page = await browser.newPage();
  let hasCrashed = false;
  page.on("error", () => {
    hasCrashed = true;
  });
  try {
    await page.goto(url);
    const deadline = Date.now() + limit;
    while (Date.now() < deadline) {
      if (hasCrashed) throw new Error("the tab crashed");
      const asked = page.evaluate("JSON.stringify(window.result ?? null)").catch((/** @type {any} */ error) => {
        if (!hasCrashed) throw error;
      });
      const result = await Promise.race([asked, pause(5000)]);
      if (result && result !== "null") return JSON.parse(result);
      await pause(50);
    }
    throw new Error(`no result after ${limit} ms; so far: ${await page.evaluate("window.progress")}`);
  } finally {
    await Promise.race([page.close(), pause(3000)]).catch(() => {});
  }
}

/**
 * Starts one that nobody drives: a debugger looks at every message of a WebSocket, and costs Chromium two thirds of its
 * throughput. The page has to tell by itself what it finds.
 *
 * @param {"chromium" | "firefox"} name
 * @param {string} url
 */
export function launchAlone(name, url) {
  const home = mkdtempSync(join(tmpdir(), `tidegate-${name}-`));
  const profile = join(home, "profile");
  mkdirSync(profile);
  const lines = Object.entries({ ...FIREFOX_PREFERENCES, ...QUIET_START }).map(
    ([key, value]) => `user_pref(${JSON.stringify(key)}, ${JSON.stringify(value)});\n`,
  );
  if (name === "firefox") writeFileSync(join(profile, "user.js"), lines.join(""));
  const [command, ...words] =
    name === "chromium"
      ? [which("chromium"), "--headless", `--user-data-dir=${profile}`, ...CHROMIUM_FLAGS, url]
      : [which("firefox-esr"), "--headless", "--no-remote", "--profile", profile, url];
  const environment = Object.entries(process.env).filter(([key]) => !/_proxy$/i.test(key));
  const env = { ...Object.fromEntries(environment), HOME: home };
  const child = spawn(command, words, { env, detached: true, stdio: "ignore" });
  const close = async () => {
    // Its whole group, and only that.
    if (child.pid) process.kill(-child.pid, "SIGKILL");
    await pause(500);
    rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  return { close };
}

/** Without these, the first start shows other pages before ours. */
const QUIET_START = {
  "browser.aboutwelcome.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.homepage_override.mstone": "ignore",
  "datareporting.policy.dataSubmissionEnabled": false,
};

/** @param {string} program */
function which(program) {
  return execFileSync("which", [program], { encoding: "utf8" }).trim();
}

/** @param {number} milliseconds */
function pause(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}
