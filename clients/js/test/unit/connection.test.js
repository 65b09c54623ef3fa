// What carries a Connection, over networks that do not carry everything. Needs TIDEGATE_TOOLS.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Chaos } from "../peer/chaos.mjs";
import { Connection } from "../../src/connection.js";
import { requireTool } from "../tools.mjs";
import { startServer } from "../peer/server.mjs";

const { WebSocket } = requireTool("ws");

/** A clock that runs so many times as fast. @param {number} times */
function faster(times) {
  return {
    WebSocket,
    setTimeout: (/** @type {() => void} */ run, /** @type {number} */ ms) => setTimeout(run, ms / times),
    now: () => performance.now() * times,
  };
}

/** @param {import("node:test").TestContext} t @param {import("../peer/chaos.mjs").Weather} weather */
async function world(t, weather = {}) {
  const server = await startServer();
  const chaos = await new Chaos(server.url).listen();
  chaos.weather = weather;
  /** @type {Connection[]} */
  const connections = [];
  t.after(async () => {
    // While there is a server: without one they would look for it until they give up.
    for (const connection of connections) connection.close();
    await Promise.allSettled(connections.map(({ closed }) => closed));
    chaos.close();
    server.close();
  });
  /** @param {any} [options] */
  const connect = ({ url = `${chaos.url}/echo`, ...options } = /** @type {any} */ ({})) => {
    const ways = /** @type {string[]} */ ([]);
    const connection = new Connection(url, {
      platform: { WebSocket },
      ontransport: (way) => ways.push(way),
      ...options,
    });
    connections.push(connection);
    return { connection, ways };
  };
  return { chaos, server, connect };
}

/** Writes and reads some numbers. @param {any} opened @param {number} from @param {number} to */
async function converse({ reader, writer }, from, to) {
  const writing = (async () => {
    for (let number = from; number < to; number += 1) await writer.write(`${number}`);
  })();
  for (let number = from; number < to; number += 1) assert.equal((await reader.read()).value, `${number}`);
  await writing;
}

/** @param {Connection} connection */
async function streams(connection) {
  const { readable, writable } = await connection.opened;
  return { reader: readable.getReader(), writer: writable.getWriter() };
}

/** Until this holds. @param {() => unknown} holds */
async function until(holds) {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("a proxy that swallows the handshake", async (t) => {
  const { connect } = await world(t, { upgrade: "swallow" });
  const started = performance.now();
  const { connection, ways } = connect();
  const both = await streams(connection);
  console.log(`open after ${Math.round(performance.now() - started)} ms`);
  await converse(both, 0, 100);
  assert.deepEqual(ways, ["stream"]);
});

test("a proxy that refuses it", async (t) => {
  const { connect } = await world(t, { upgrade: "refuse" });
  const { connection, ways } = connect();
  await converse(await streams(connection), 0, 100);
  assert.deepEqual(ways, ["stream"]);
});

test("a proxy that swallows the handshake and holds answers back", async (t) => {
  const { connect } = await world(t, { upgrade: "swallow", buffer: true });
  const started = performance.now();
  const { connection, ways } = connect();
  const both = await streams(connection);
  console.log(`open after ${Math.round(performance.now() - started)} ms`);
  await converse(both, 0, 20);
  assert.deepEqual(ways, ["long-poll"]);
});

test("what worked is tried first, and what is better is found again", async (t) => {
  const { chaos, connect } = await world(t, { upgrade: "swallow" });
  const first = connect();
  await first.connection.opened;
  chaos.seen = [];
  const second = connect({ platform: faster(50) });
  const both = await streams(second.connection);
  assert.equal(chaos.seen.filter((way) => way !== "POST")[0], "stream");
  await converse(both, 0, 10);
  chaos.weather = {};
  await until(() => second.connection.transport === "websocket");
  await converse(both, 10, 100);
  assert.deepEqual(second.ways, ["stream", "websocket"]);
});

test("several at once open a session each: the server keeps one", async (t) => {
  const { server, chaos, connect } = await world(t, { upgrade: "swallow" });
  // So that none is remembered that would win at once.
  const { connection } = connect({ url: `${chaos.url}/sleep?ms=400`, platform: faster(10) });
  const both = await streams(connection);
  assert.ok(chaos.seen.length > 2, `only ${chaos.seen} were tried`);
  await until(() => server.sessions() === 1);
  await converse(both, 0, 100);
  assert.equal(server.sessions(), 1);
});

test("cut again and again, and the other end away for a while", async (t) => {
  for (const transport of ["websocket", "stream", "sse", "long-poll", "poll"]) {
    const { chaos, connect } = await world(t);
    const { connection, ways } = connect({ platform: faster(10), transports: [transport] });
    const both = await streams(connection);
    for (let round = 0; round < 5; round += 1) {
      const talking = converse(both, round * 200, round * 200 + 200);
      setTimeout(() => chaos.cut(), 5);
      await talking;
    }
    chaos.weather = { away: true };
    chaos.cut();
    const talking = converse(both, 1000, 1200);
    setTimeout(() => {
      chaos.weather = {};
    }, 200);
    await talking;
    assert.ok(ways.every((way) => way === transport || way === ""));
    connection.close();
    assert.equal((await connection.closed).closeCode, 1005);
  }
});

test("half open: nothing comes any more, and nobody says so", async (t) => {
  for (const transport of ["websocket", "stream", "sse", "long-poll", "poll"]) {
    const { chaos, connect } = await world(t);
    const { connection } = connect({ platform: faster(50), transports: [transport] });
    const both = await streams(connection);
    await converse(both, 0, 20);
    chaos.freeze();
    await converse(both, 20, 200);
    connection.close();
    assert.equal((await connection.closed).closeCode, 1005);
  }
});

test("a session that the server has lost: the application is told", async (t) => {
  for (const transport of ["websocket", "stream", "sse", "long-poll", "poll"]) {
    const { server, connect } = await world(t);
    const { connection } = connect({ transports: [transport] });
    const { reader, writer } = await streams(connection);
    await converse({ reader, writer }, 0, 5);
    server.forget();
    const closed = await connection.closed.catch((error) => error);
    assert.deepEqual([closed.name, closed.closeCode, closed.resumed], ["WebSocketError", 1006, false]);
    assert.equal(await reader.read().catch((error) => error), closed);
    assert.equal(await writer.write("x").catch((error) => error), closed);
  }
});

test("a proxy that knows nothing of the server for a while, and says 404 or 410: nothing is lost", async (t) => {
  for (const transport of ["websocket", "stream", "sse", "long-poll", "poll"]) {
    for (const lost of [404, 410]) {
      const { chaos, connect } = await world(t);
      const { connection, ways } = connect({ platform: faster(10), transports: [transport] });
      const both = await streams(connection);
      await converse(both, 0, 20);
      chaos.weather = { lost };
      chaos.cut();
      const talking = converse(both, 20, 220);
      chaos.seen = [];
      await until(() => chaos.seen.length > 2);
      chaos.weather = {};
      await talking;
      assert.ok(ways.every((way) => way === transport || way === ""));
    }
  }
});

test("what is posted is refused: by a firewall for a while, and nothing is lost; by the server, and that is told", async (t) => {
  const { connect } = await world(t);
  let refusals = 4;
  let type = "";
  /** @param {string} url @param {any} init */
  const fetch = async (url, init) => {
    if (init.method !== "POST") return globalThis.fetch(url, init);
    refusals -= 1;
    if (refusals >= 0) return new Response("filtered\n", { status: 403 });
    return globalThis.fetch(url, type ? { ...init, headers: { "content-type": type } } : init);
  };
  const { connection } = connect({ platform: { WebSocket, fetch }, transports: ["stream"] });
  const { reader, writer } = await streams(connection);
  await converse({ reader, writer }, 0, 20);
  assert.ok(refusals < 0);
  type = "text/plain";
  const written = writer.write("x").catch(() => {});
  const closed = await connection.closed.catch((error) => error);
  const { reason, closeCode, resumed } = closed;
  assert.deepEqual([reason, closeCode, resumed], ["what was written was refused: 415", 1006, false]);
  await written;
});

test("again: a conversation anew, until one ends cleanly", async (t) => {
  const { server, chaos } = await world(t);
  let rounds = 0;
  for await (const { readable, writable, connection } of Connection.again(`${chaos.url}/echo`, {
    platform: faster(10),
  })) {
    rounds += 1;
    const both = { reader: readable.getReader(), writer: writable.getWriter() };
    await converse(both, 0, 5);
    if (rounds < 3) server.forget();
    else connection.close();
    await both.reader.closed.catch(() => {});
  }
  assert.equal(rounds, 3);
  const left = [];
  for await (const { connection } of Connection.again(`${chaos.url}/echo`, { platform: { WebSocket } })) {
    left.push(connection);
    break;
  }
  assert.equal((await left[0].closed).closeCode, 1005);
});
