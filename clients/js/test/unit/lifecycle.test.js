// What a page or its network goes through, and what a Connection makes of it. Needs TIDEGATE_TOOLS.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Chaos } from "../peer/chaos.mjs";
import { Connection } from "../../src/connection.js";
import { listen } from "../../src/connection/lifecycle.js";
import { requireTool } from "../tools.mjs";
import { startServer } from "../peer/server.mjs";
import { takePlace } from "../../src/transport/places.js";

const { WebSocket } = requireTool("ws");

/** A clock that stands still, but for timers of no time. @param {() => void} run @param {number} ms */
const standingStill = (run, ms) => (ms === 0 ? setTimeout(run, 0) : undefined);

/** An event with more to it. @param {string} type @param {object} more */
function event(type, more = {}) {
  return Object.assign(new Event(type), more);
}

test("which events of a page matter", () => {
  const document = Object.assign(new EventTarget(), { visibilityState: "hidden" });
  const scope = Object.assign(new EventTarget(), { document });
  /** @type {string[]} */
  const seen = [];
  const stop = listen(
    { onWoken: () => seen.push("woken"), onShown: () => seen.push("shown"), onLeft: () => seen.push("left") },
    scope,
  );
  const all = () => {
    scope.dispatchEvent(event("pageshow", { persisted: false }));
    scope.dispatchEvent(event("pagehide", { persisted: true }));
    document.dispatchEvent(event("visibilitychange"));
    assert.deepEqual(seen, []);
    scope.dispatchEvent(event("online"));
    scope.dispatchEvent(event("pageshow", { persisted: true }));
    document.dispatchEvent(event("resume"));
    document.visibilityState = "visible";
    document.dispatchEvent(event("visibilitychange"));
    scope.dispatchEvent(event("pagehide", { persisted: false }));
  };
  all();
  assert.deepEqual(seen, ["woken", "woken", "woken", "shown", "left"]);
  stop();
  seen.length = 0;
  document.visibilityState = "hidden";
  all();
  assert.deepEqual(seen, []);
});

test("the network is back: no timer is waited for, and what carries it is tried anew", async (t) => {
  const network = new EventTarget();
  const global = /** @type {any} */ (globalThis);
  for (const name of ["addEventListener", "removeEventListener"])
    global[name] = /** @type {any} */ (network)[name].bind(network);
  const server = await startServer();
  const chaos = await new Chaos(server.url).listen();
  t.after(() => {
    delete global.addEventListener;
    delete global.removeEventListener;
    chaos.close();
    server.close();
  });
  const platform = { WebSocket, setTimeout: standingStill };
  const ways = /** @type {string[]} */ ([]);
  const ontransport = (/** @type {string} */ way) => ways.push(way);
  const connection = new Connection(`${chaos.url}/echo`, { platform, ontransport });
  const { readable, writable } = await connection.opened;
  const [reader, writer] = [readable.getReader(), writable.getWriter()];
  const say = async (/** @type {string} */ text) => {
    await writer.write(text);
    assert.equal((await reader.read()).value, text);
  };
  await say("one");
  chaos.cut();
  while (connection.transport) await new Promise((resolve) => setTimeout(resolve, 5));
  await writer.write("two");
  network.dispatchEvent(event("online"));
  assert.equal((await reader.read()).value, "two");
  assert.deepEqual(ways, ["websocket", "", "websocket"]);
  // Half open, as after a change of networks: the old one says nothing of it.
  chaos.freeze();
  chaos.seen = [];
  network.dispatchEvent(event("online"));
  await say("three");
  assert.deepEqual(chaos.seen, ["websocket"]);
  // What is better may go now, whatever has worked before.
  chaos.weather = { upgrade: "refuse" };
  chaos.cut();
  while (connection.transport) await new Promise((resolve) => setTimeout(resolve, 5));
  network.dispatchEvent(event("online"));
  await say("four");
  assert.equal(connection.transport, "stream");
  chaos.weather = {};
  network.dispatchEvent(event("online"));
  while (connection.transport !== "websocket") await new Promise((resolve) => setTimeout(resolve, 5));
  await say("five");
  connection.close();
  assert.equal((await connection.closed).closeCode, 1005);
});

test("an acknowledgement overtakes a request: 410, and it asks again for where it is", async (t) => {
  const network = new EventTarget();
  const global = /** @type {any} */ (globalThis);
  for (const name of ["addEventListener", "removeEventListener"])
    global[name] = /** @type {any} */ (network)[name].bind(network);
  const server = await startServer();
  const chaos = await new Chaos(server.url).listen();
  t.after(() => {
    delete global.addEventListener;
    delete global.removeEventListener;
    chaos.close();
    server.close();
  });
  for (const transport of ["stream", "sse", "long-poll", "poll"]) {
    chaos.weather = {};
    const connection = new Connection(`${chaos.url}/echo`, {
      platform: { WebSocket },
      transports: /** @type {any} */ ([transport]),
    });
    const { readable, writable } = await connection.opened;
    const [reader, writer] = [readable.getReader(), writable.getWriter()];
    const converse = async (/** @type {number} */ count) => {
      for (let number = 0; number < count; number += 1) {
        await writer.write(`${number}`);
        assert.equal((await reader.read()).value, `${number}`);
      }
    };
    await converse(10);
    let isHeld = false;
    let goOn = () => {};
    const hold = new Promise((resolve) => (goOn = () => resolve(undefined)));
    // The first GET from now on is the one that is tried beside.
    chaos.weather = {
      get hold() {
        if (isHeld) return undefined;
        isHeld = true;
        return hold;
      },
    };
    chaos.answered = [];
    network.dispatchEvent(event("online"));
    await converse(20);
    goOn();
    while (!chaos.answered.includes(410)) await new Promise((resolve) => setTimeout(resolve, 5));
    await converse(20);
    connection.close();
    assert.equal((await connection.closed).closeCode, 1005);
  }
});

test("the server says to come again: at once, by no timer", async (t) => {
  for (const transport of ["websocket", "stream", "sse"]) {
    const server = await startServer();
    t.after(() => server.close());
    const ways = /** @type {string[]} */ ([]);
    const connection = new Connection(`${server.url}/echo`, {
      platform: { WebSocket, setTimeout: standingStill },
      transports: /** @type {any} */ ([transport]),
      ontransport: (way) => ways.push(way),
    });
    const { readable, writable } = await connection.opened;
    const [reader, writer] = [readable.getReader(), writable.getWriter()];
    for (const text of ["one", "two", "three"]) {
      if (text === "two") server.detach(2);
      await writer.write(text);
      assert.equal((await reader.read()).value, text);
    }
    assert.deepEqual(ways, [transport, "", transport]);
    connection.close();
    assert.equal((await connection.closed).closeCode, 1005);
  }
});

test("places: four at a time in a browser, and who comes later waits", async () => {
  /** @type {Map<string, Promise<void>>} */
  const held = new Map();
  const locks = {
    async request(/** @type {string} */ name, /** @type {any} */ { ifAvailable, signal }, /** @type {any} */ run) {
      if (ifAvailable && held.has(name)) return run(null);
      while (held.has(name)) {
        signal.throwIfAborted();
        const gaveUp = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        await Promise.race([held.get(name), gaveUp]);
      }
      const using = Promise.resolve(run({ name })).then(() => void held.delete(name));
      held.set(name, using);
      return using;
    },
  };
  const scope = { navigator: { locks }, document: {}, location: { host: "x" } };
  const { signal } = new AbortController();
  const places = await Promise.all([1, 2, 3, 4].map(() => takePlace("http://x/y", signal, scope)));
  assert.equal(held.size, 4);
  const leaving = new AbortController();
  const given = takePlace("http://x/y", leaving.signal, scope);
  leaving.abort();
  assert.equal(await given, undefined);
  const waiting = takePlace("http://x/y", signal, scope);
  for (const release of places) release?.();
  (await waiting)?.();
  assert.ok(await takePlace("http://other/y", signal, scope));
  // Where all goes over one connection, there is no such limit; nor outside browsers.
  const performance = { getEntriesByType: () => [{ nextHopProtocol: "h2" }] };
  for (const free of [{ ...scope, performance }, { navigator: { locks } }]) {
    held.clear();
    assert.ok(await takePlace("http://x/y", signal, free));
    assert.equal(held.size, 0);
  }
});
