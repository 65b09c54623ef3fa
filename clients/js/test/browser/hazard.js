// What crashes a tab of Chromium with the native WebSocketStream, or loses messages there: done with ours over it, or
// with `raw` to the native class itself.
import { WebSocketStream as Ours } from "../../src/index.js";

const { mode, url, raw } = Object.fromEntries(new URLSearchParams(location.search));
const Native = /** @type {any} */ (globalThis).WebSocketStream;
const page = /** @type {any} */ (window);
const big = new Uint8Array(1 << 20);
const pause = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));
const said = (/** @type {Promise<unknown>} */ promise) =>
  Promise.race([
    promise.then(
      () => "ok",
      (error) => error?.name ?? `${error}`,
    ),
    pause(8000).then(() => "pending"),
  ]);

/** @param {string} path */
async function open(path) {
  const socket = raw ? new Native(url + path) : new Ours(url + path, { native: true });
  const { readable, writable } = await socket.opened;
  return { socket, readable, writer: writable.getWriter() };
}

/** How often each came. @param {string[]} words */
function tally(words) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

/** @param {any} writer @param {number} count */
function queued(writer, count) {
  return Array.from({ length: count }, () => said(writer.write(big)));
}

/** Writes until it fails. @param {any} writer */
async function loop(writer) {
  for (let count = 0; ; count += 1) {
    const how = await said(writer.write(big));
    if (how !== "ok") return { [how]: 1 };
    if (count === 500) return { endless: 1 };
  }
}

/** @type {Record<string, () => Promise<object>>} */
const MODES = {
  async "a slow reader and a Close behind 100 messages"() {
    const { readable } = await open("/push?count=100&code=1000");
    const reader = readable.getReader();
    let count = 0;
    while (!(await reader.read()).done) {
      count += 1;
      await pause(5);
    }
    return { [count]: 1 };
  },
  async "two writes queued, then close"() {
    const { socket, writer } = await open("/late?ms=200");
    const writes = queued(writer, 2);
    socket.close({ closeCode: 4000 });
    return tally(await Promise.all([...writes, said(socket.closed)]));
  },
  async "a loop of writes, close in the middle"() {
    const { socket, writer } = await open("/late?ms=50");
    const writing = loop(writer);
    await pause(300);
    socket.close();
    return { ...(await writing), closed: await said(socket.closed) };
  },
  async "twenty writes queued, then cancel"() {
    const { socket, readable, writer } = await open("/late?ms=200");
    const writes = queued(writer, 20);
    readable.cancel();
    return tally(await Promise.all([...writes, said(socket.closed)]));
  },
  async "twenty writes queued, then writer.close"() {
    const { socket, writer } = await open("/late?ms=200");
    const writes = queued(writer, 20);
    return tally(await Promise.all([...writes, said(writer.close()), said(socket.closed)]));
  },
  async "twenty writes queued, then writer.abort"() {
    const { socket, writer } = await open("/late?ms=200");
    const writes = queued(writer, 20);
    writer.abort();
    const results = await Promise.all([...writes, said(socket.closed)]);
    return { closed: results.at(-1) };
  },
  async "close, then write"() {
    const { socket, writer } = await open("/echo");
    socket.close();
    return { write: await said(writer.write("x")), closed: await said(socket.closed) };
  },
  async "writes, and the peer closes"() {
    const { writer } = await open("/close-on-message?code=4000");
    return loop(writer);
  },
  async "an idle writer, and the connection is lost"() {
    const { writer } = await open("/drop-on-message");
    await writer.write("x");
    await pause(500);
    return { write: await said(writer.write("y")) };
  },
  async "a write that never settles, then close"() {
    const { socket, writer } = await open("/late?ms=20000");
    const write = said(writer.write(new Uint8Array(32 << 20)));
    await pause(200);
    socket.close({ closeCode: 4000 });
    return { write: await write };
  },
};

page.result = mode ? await MODES[mode]() : Object.keys(MODES);
