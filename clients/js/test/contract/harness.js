/** A few words to write contract tests with, which run wherever the package runs. */

import { Connection, WebSocketError, WebSocketStream } from "../../src/index.js";

/**
 * @typedef {{ name: string, run: (t: Context) => Promise<void> | void, lanes: string[] | undefined }} Test
 */

/** @type {Test[]} */
export const tests = [];

/**
 * @param {string} name
 * @param {(t: Context) => Promise<void> | void} run
 * @param {string[]} [lanes] the lanes that it is about; all, if not given
 */
export function test(name, run, lanes) {
  tests.push({ name, run, lanes });
}

/** What a test is given. */
export class Context {
  WebSocketError = WebSocketError;
  /** A figure worth telling. @type {string | undefined} */
  figure;
  /** @type {WebSocketStream[]} */
  #opened = [];

  /** @param {{ name: string, url: string, options: object }} lane */
  constructor(lane) {
    this.lane = lane.name;
    /** Whether what is tested is a Connection, which has the same contract. */
    this.isSession = lane.name.startsWith("session");
    this.WebSocketStream = this.isSession
      ? /** @type {typeof WebSocketStream} */ (/** @type {any} */ (Connection))
      : WebSocketStream;
    /** Whether both ends wait for each other. */
    this.hasCredits = this.isSession || lane.name === "credits";
    this.base = lane.url;
    this.options = lane.options;
  }

  /** @param {string} path @param {object} [options] */
  connect(path, options = {}) {
    const socket = new this.WebSocketStream(this.base + path, { ...this.options, ...options });
    this.#opened.push(socket);
    return socket;
  }

  /** An open one, with its reader and writer. @param {string} path @param {object} [options] */
  async open(path, options) {
    const socket = this.connect(path, options);
    const opened = await socket.opened;
    const reader = opened.readable.getReader();
    const writer = opened.writable.getWriter();
    return { socket, ...opened, reader, writer };
  }

  /** Asks what the meter shows. @param {string} id */
  async meter(id) {
    const { socket, reader, writer } = await this.open(`/meter?id=${id}`);
    await writer.write("?");
    const { value } = await reader.read();
    socket.close();
    return Number(value);
  }

  /** Waits until the meter shows that. @param {string} id @param {number} wanted */
  async meterShows(id, wanted) {
    let shown = await this.meter(id);
    for (let tries = 0; shown !== wanted && tries < 200; tries += 1) {
      await this.sleep(25);
      shown = await this.meter(id);
    }
    this.equal(shown, wanted, "the meter");
  }

  id() {
    return Math.random().toString(36).slice(2);
  }

  /** @param {number} milliseconds */
  sleep(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  /** @param {unknown} actual @param {unknown} expected @param {string} [what] */
  equal(actual, expected, what = "value") {
    const [a, b] = [actual, expected].map((value) => JSON.stringify(value) ?? String(value));
    if (!Object.is(actual, expected) && (a !== b || typeof actual !== "object")) {
      throw new Error(`${what} is ${a}, not ${b}`);
    }
  }

  /** @param {unknown} holds @param {string} what */
  ok(holds, what) {
    if (!holds) throw new Error(`it does not hold that ${what}`);
  }

  /** The rejection of a promise, which must be of this name. @param {Promise<unknown>} promise @param {string} name */
  async rejects(promise, name) {
    const error = await promise.then(
      (value) => Promise.reject(new Error(`fulfilled with ${JSON.stringify(value)}, and ${name} was due`)),
      (reason) => reason,
    );
    this.equal(error?.name, name, `the name of ${error}`);
    return error;
  }

  /** @param {() => unknown} run @param {string} name */
  throws(run, name) {
    let error;
    try {
      run();
    } catch (thrown) {
      error = /** @type {any} */ (thrown);
    }
    this.equal(error?.name, name, `the name of ${error}`);
  }

  /** Closes what a test left open. */
  async end() {
    for (const socket of this.#opened) {
      socket.close();
      const { readable } = (await Promise.race([socket.opened, this.sleep(100)]).catch(() => undefined)) ?? {};
      if (readable && !readable.locked) readable.cancel().catch(() => {});
    }
  }
}

const TEST_LIMIT_MS = 30_000;

/**
 * Runs every test of a lane, and returns how each went.
 *
 * @param {{ name: string, url: string, options: object }} lane
 * @param {(result: { name: string, error: string | undefined }) => void} [onResult]
 * @param {string} [only] a word in the names
 */
export async function runAll(lane, onResult = () => {}, only = "") {
  const results = [];
  /** @type {string[]} */
  const unhandled = [];
  const stop = onUnhandled((reason) => unhandled.push(`unhandled rejection: ${reason}`));
  for (const { name, run, lanes } of tests) {
    const kind = lane.name.startsWith("session") ? "session" : lane.name;
    if ((lanes && !lanes.includes(kind)) || !name.includes(only)) continue;
    const t = new Context(lane);
    let error = await outcome(() => run(t));
    await t.end();
    // Rejections that nobody handles are told at the end of a turn.
    await t.sleep(0);
    error ??= unhandled.shift();
    unhandled.length = 0;
    const result = { name: t.figure ? `${name} (${t.figure})` : name, error };
    results.push(result);
    onResult(result);
  }
  stop();
  return results;
}

/** @param {() => Promise<void> | void} run @returns {Promise<string | undefined>} */
async function outcome(run) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${TEST_LIMIT_MS} ms`)), TEST_LIMIT_MS);
  });
  try {
    await Promise.race([run(), limit]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } finally {
    clearTimeout(timer);
  }
}

/** @param {(reason: unknown) => void} tell */
function onUnhandled(tell) {
  const global = /** @type {any} */ (globalThis);
  if (global.process?.on && !global.Deno) {
    const listener = (/** @type {unknown} */ reason) => tell(reason);
    global.process.on("unhandledRejection", listener);
    return () => global.process.off("unhandledRejection", listener);
  }
  const listener = (/** @type {any} */ event) => {
    event.preventDefault();
    tell(event.reason);
  };
  global.addEventListener("unhandledrejection", listener);
  return () => global.removeEventListener("unhandledrejection", listener);
}
