// A conversation that is closed while nothing carries it, or while nobody knows that nothing does (docs/sessions.md,
// section 7). Needs TIDEGATE_TOOLS.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Chaos } from "../peer/chaos.mjs";
import { Clock } from "./clock.js";
import { Connection } from "../../src/connection.js";
import { Deadlines } from "../../src/credits/deadlines.js";
import { requireTool } from "../tools.mjs";
import { startServer } from "../peer/server.mjs";

const { WebSocket } = requireTool("ws");

/** A connection that opens. @param {import("node:test").TestContext} t @param {string} transport @param {string} path */
async function open(t, transport, path) {
  const server = await startServer();
  const chaos = await new Chaos(server.url).listen();
  const clock = new Clock();
  const connection = new Connection(`${chaos.url}${path}`, {
    platform: { WebSocket, ...clock.platform },
    transports: /** @type {any} */ ([transport]),
  });
  t.after(() => {
    connection.close();
    chaos.close();
    server.close();
  });
  /** Moves the clock on by steps of a tenth of a second, until this holds. @param {() => unknown} holds */
  const until = async (holds) => {
    while (!holds()) await clock.advance(100);
  };
  let settled = "";
  connection.closed.then(
    ({ closeCode }) => (settled = `clean ${closeCode}`),
    (error) => (settled = `${error.closeCode} ${error.message}`),
  );
  await until(() => connection.transport);
  return { chaos, clock, connection, until, settled: () => settled };
}

/** One that has said something. @param {import("node:test").TestContext} t @param {string} transport */
async function world(t, transport) {
  const opened = await open(t, transport, "/echo");
  const { connection, until } = opened;
  const { readable, writable } = await connection.opened;
  const [reader, writer] = [readable.getReader(), writable.getWriter()];
  const asked = reader.read();
  await writer.write("before");
  /** @type {any} */
  let got;
  asked.then(({ value }) => (got = value));
  await until(() => got);
  assert.equal(got, "before");
  return opened;
}

for (const transport of ["websocket", "stream", "sse", "long-poll", "poll"]) {
  test(`closed during an outage, which is longer than an END may take: ${transport}`, async (t) => {
    const { chaos, clock, connection, until, settled } = await world(t, transport);
    chaos.weather = { away: true };
    chaos.cut();
    await until(() => !connection.transport);
    connection.close({ closeCode: 4001, reason: "done" });
    await clock.advance(45_000);
    assert.equal(settled(), "");
    chaos.weather = {};
    await until(settled);
    assert.equal(settled(), "clean 4001");
  });

  test(`closed over what is half open: ${transport}`, async (t) => {
    const { chaos, connection, until, settled } = await world(t, transport);
    chaos.freeze();
    connection.close({ closeCode: 4001, reason: "done" });
    await until(settled);
    assert.equal(settled(), "clean 4001");
  });
}

test("the server has ended, and the session is over before our last POST is answered", async (t) => {
  const { chaos, connection, until, settled } = await open(t, "poll", "/push?count=3&code=4001");
  const { readable } = await connection.opened;
  // HELLO was posted.
  await until(() => chaos.answered.includes(204));
  let goOn = () => {};
  chaos.weather = { holdPosts: new Promise((resolve) => (goOn = () => resolve(undefined))) };
  const reader = readable.getReader();
  for (let count = 0; count < 3; count += 1) reader.read();
  await until(() => chaos.answered.includes(404));
  goOn();
  await until(settled);
  assert.equal(settled(), "clean 4001");
});

test("an outage does not stretch the time that a peer has for its END", async () => {
  const clock = new Clock(false);
  let isOver = false;
  const deadlines = new Deadlines(clock.platform, { onNoGreeting: () => {}, onNoEnd: () => (isOver = true) });
  deadlines.greeted();
  deadlines.ending();
  await clock.advance(9_999);
  deadlines.pause();
  deadlines.pause();
  await clock.advance(100_000);
  assert.equal(isOver, false);
  deadlines.resume();
  await clock.advance(9_999);
  assert.equal(isOver, false);
  // Whatever comes, it is a minute in all, of which twenty seconds have gone.
  for (let second = 0; second < 39; second += 1) {
    deadlines.heard();
    await clock.advance(1000);
  }
  deadlines.pause();
  await clock.advance(100_000);
  deadlines.resume();
  await clock.advance(1001);
  assert.equal(isOver, false);
  deadlines.heard();
  await clock.advance(1);
  assert.equal(isOver, true);
});

test("a conversation that is ended during an outage has its time from then on", async () => {
  const clock = new Clock(false);
  let isOver = false;
  const deadlines = new Deadlines(clock.platform, { onNoGreeting: () => {}, onNoEnd: () => (isOver = true) });
  deadlines.greeted();
  deadlines.pause();
  await clock.advance(100_000);
  deadlines.ending();
  await clock.advance(100_000);
  deadlines.resume();
  await clock.advance(9_999);
  assert.equal(isOver, false);
  await clock.advance(1);
  assert.equal(isOver, true);
});
