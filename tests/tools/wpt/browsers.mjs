// Starts Debian's chromium or firefox-esr, headless, with a fresh profile, for pages on hosts that lead to this machine.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const requireTool = createRequire(`${process.env.TIDEGATE_TOOLS}/`);

/** The programs that each browser may be called, the first that is there. */
const PROGRAMS = { chromium: ['chromium'], firefox: ['firefox-esr', 'firefox'] };

// Without a network, Chromium would ask for Google's hosts all the time.
const CHROMIUM_FLAGS = [
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
  '--disable-popup-blocking',
  '--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable',
];

/** Cookies of other sites are allowed, as the tests expect. Else credentials are blocked with them. */
const CHROMIUM_PREFERENCES = { profile: { cookie_controls_mode: 0, block_third_party_cookies: false } };

const FIREFOX_PREFERENCES = {
  // Off the network.
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.safebrowsing.downloads.enabled': false,
  'app.update.enabled': false,
  'datareporting.healthreport.uploadEnabled': false,
  'toolkit.telemetry.enabled': false,
  'services.settings.server': 'data:,',
  'extensions.update.enabled': false,
  'network.dns.disableIPv6': true,
  'network.trr.mode': 5,
  'network.proxy.type': 0,
  // As http pages expect it.
  'dom.security.https_first': false,
  'dom.security.https_first_schemeless': false,
  'dom.disable_open_during_load': false,
  // Pages run side by side, so most are not in front; their timers must run all the same.
  'dom.min_background_timeout_value': 4,
  'dom.min_background_timeout_value_without_budget_throttling': 4,
  'dom.timeout.enable_budget_timer_throttling': false,
  // After a failed connection, and many tests make them fail, it would wait before the next.
  'network.websocket.delay-failed-reconnects': false,
};

/**
 * @param {'chromium' | 'firefox'} name
 * @param {{ ca: string, hosts: string[] }} world whom to trust, and which names lead to this machine
 */
export async function launch(name, { ca, hosts }) {
  const puppeteer = requireTool('puppeteer-core');
  const home = mkdtempSync(join(tmpdir(), `tidegate-wpt-${name}-`));
  const profile = join(home, 'profile');
  // Chromium reads whom to trust from a database in the home folder, Firefox from its profile.
  trust(ca, name === 'chromium' ? join(home, '.pki', 'nssdb') : profile, home);
  if (name === 'chromium') {
    mkdirSync(join(profile, 'Default'), { recursive: true });
    writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify(CHROMIUM_PREFERENCES));
  }
  const rules = hosts.map((host) => `MAP ${host} 127.0.0.1`).join(',');
  const proxyless = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/_proxy$/i.test(key)));
  const common = {
    executablePath: program(name),
    headless: true,
    userDataDir: profile,
    env: { ...proxyless, HOME: home },
    timeout: 180_000,
    protocolTimeout: 300_000,
  };
  const own =
    name === 'chromium'
      ? { browser: 'chrome', args: [...CHROMIUM_FLAGS, `--host-resolver-rules=${rules}`] }
      : {
          browser: 'firefox',
          extraPrefsFirefox: { ...FIREFOX_PREFERENCES, 'network.dns.localDomains': hosts.join(',') },
        };
  const browser = await puppeteer.launch({ ...common, ...own });
  const close = async () => {
    await browser.close().catch(() => {});
    rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  return { browser, close, version: await browser.version() };
}

function program(name) {
  for (const candidate of PROGRAMS[name]) {
    try {
      return execFileSync('which', [candidate], { encoding: 'utf8' }).trim();
    } catch {
      // The next name.
    }
  }
  throw new Error(`${name} is not installed; run \`cargo xtask setup\``);
}

function trust(ca, database, home) {
  mkdirSync(database, { recursive: true });
  const file = join(home, 'ca.pem');
  writeFileSync(file, ca);
  const certutil = (...flags) => execFileSync('certutil', ['-d', `sql:${database}`, ...flags]);
  certutil('-N', '--empty-password');
  certutil('-A', '-n', 'throwaway', '-t', 'C,,', '-i', file);
}
