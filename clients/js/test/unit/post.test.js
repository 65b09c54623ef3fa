// The client's flow by POST, against answers of every kind (docs/sessions.md, section 4).
import assert from "node:assert/strict";
import { test } from "node:test";
import { Poster } from "../../src/transport/post.js";
import { Session } from "../../src/session/machine.js";
import { countFrames } from "../../src/session/frames.js";
import { frame } from "../peer/frames.mjs";

/** A server that answers as it is told, one request at a time. */
function world() {
  /** @type {{ from: number, received: number, count: number, keepalive: boolean }[]} */
  const asked = [];
  /** @type {{ resolve: (response: Response) => void, reject: (error: Error) => void }[]} */
  const pending = [];
  /** @type {{ run: () => void, ms: number }[]} */
  const timers = [];
  const told = { posted: 0, gone: 0, status: 0 };
  const clock = { now: 0 };
  const session = new Session({ onFrames: () => {}, onAcknowledged: () => {} });
  const attach = (/** @type {Buffer} */ more) => {
    const down = session.incoming({
      onAttached: (attached) => (session.attached(attached), true),
      onDetached: () => {},
    });
    down.receive(Buffer.concat([frame(0x08, 1, 1, "x", 2, 1, 0, 3, 1, 0, 4, 1, 60), more]));
  };
  const platform = /** @type {any} */ ({
    fetch: (/** @type {string} */ url, /** @type {any} */ { body, keepalive = false }) => {
      const query = new URL(url).searchParams;
      const [from, received] = ["from", "received"].map((name) => Number(query.get(name)));
      asked.push({ from, received, count: countFrames(body), keepalive });
      return new Promise((resolve, reject) => pending.push({ resolve, reject }));
    },
    now: () => clock.now,
    setTimeout: (/** @type {() => void} */ run, /** @type {number} */ ms) => timers.push({ run, ms }),
    clearTimeout: (/** @type {number} */ timer) => {
      if (timer) timers[timer - 1] = { run: () => {}, ms: NaN };
    },
  });
  const poster = new Poster(
    session,
    { url: "ws://x/y?z=%20", platform, random: () => 0.5 },
    { onPosted: () => (told.posted += 1), onGone: (status = 0) => ((told.gone += 1), (told.status = status)) },
  );
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const answer = async (/** @type {number} */ status, /** @type {any} */ headers = {}) => {
    pending.shift()?.resolve(new Response(status === 204 ? null : "why\n", { status, headers }));
    await settle();
  };
  const breakOff = async () => {
    pending.shift()?.reject(new TypeError("no network"));
    await settle();
  };
  /** Lets the timers run that wait for a next try, and tells for how long they waited. */
  const wait = async () => {
    const due = timers.filter(({ ms }) => ms >= 0 && ms !== 40_000);
    timers.forEach((_, index) => platform.clearTimeout(index + 1));
    for (const { run } of due) run();
    await settle();
    return due.map(({ ms }) => ms);
  };
  const write = (/** @type {number} */ count) => {
    for (let index = 0; index < count; index += 1) session.push(new Uint8Array(frame(0x10, "m")));
    poster.wake();
  };
  return { asked, told, clock, session, poster, attach, answer, breakOff, wait, write };
}

const at = (/** @type {number} */ position) => ({ "tidegate-position": `${position}` });

test("one at a time, each from where the server is", async () => {
  const { asked, told, session, poster, attach, answer, write } = world();
  attach(frame(0x10, "a"));
  write(2);
  assert.equal(asked.length, 0);
  poster.start();
  write(3);
  assert.deepEqual(asked, [{ from: 0, received: 1, count: 2, keepalive: false }]);
  await answer(204, at(2));
  assert.deepEqual(asked[1], { from: 2, received: 1, count: 3, keepalive: false });
  // Nothing tells the position where a page may not read the header.
  await answer(204);
  assert.deepEqual([asked.length, told.posted, session.replay.acknowledged, session.owes], [2, 2, 5, false]);
});

test("an answer that is lost: the same again, after a while", async () => {
  const { asked, poster, answer, breakOff, wait, write } = world();
  poster.start();
  write(1);
  await breakOff();
  write(1);
  assert.equal(asked.length, 1);
  assert.deepEqual(await wait(), [250]);
  assert.deepEqual(asked[1], { from: 0, received: 0, count: 2, keepalive: false });
  await breakOff();
  assert.deepEqual(await wait(), [500]);
  await answer(502);
  assert.deepEqual(await wait(), [1000]);
  await answer(204, at(2));
  write(1);
  // A gateway whose server has just gone: at once, the first time.
  await answer(502);
  assert.equal(asked.length, 6);
  await answer(502);
  assert.deepEqual([asked.length, await wait()], [6, [500]]);
});

test("what something on the way says is nothing of the session, for as long as that is kept", async () => {
  const { asked, told, clock, session, poster, answer, breakOff, wait, write } = world();
  poster.start();
  write(1);
  // A captive portal, a firewall, a gateway: the same again, each time.
  const statuses = [200, 201, 302, 400, 401, 403, 404, 405, 410, 413, 414, 415, 429, 431, 500];
  for (const status of statuses) {
    await answer(status);
    await wait();
  }
  assert.equal(asked.length, 1 + statuses.length);
  assert.ok(asked.every(({ from, count }) => from === 0 && count === 1));
  assert.deepEqual([told.gone, told.posted, session.replay.acknowledged], [0, 0, 0]);
  clock.now += session.keepMs - 1;
  await answer(403);
  await wait();
  assert.equal(told.gone, 0);
  await answer(204, at(1));
  // That was taken, so the time begins anew.
  assert.deepEqual([told.gone, told.posted, session.replay.acknowledged], [0, 1, 1]);
  write(1);
  clock.now += session.keepMs;
  await answer(403);
  await wait();
  assert.equal(told.gone, 0);
  // So it does after anything else.
  for (const interrupt of [() => answer(502), () => breakOff()]) {
    clock.now += session.keepMs;
    await interrupt();
    await wait();
    await answer(403);
    await wait();
    assert.equal(told.gone, 0);
  }
  clock.now += session.keepMs;
  await answer(413);
  assert.deepEqual([told.gone, told.status], [1, 413]);
});

test("what the server itself refuses, it will not take", async () => {
  for (const status of [400, 401, 403, 405, 413, 414, 415, 431]) {
    const { told, poster, answer, write } = world();
    poster.start();
    write(1);
    await answer(status, at(0));
    assert.deepEqual([told.gone, told.status], [1, status]);
  }
});

test("where a body is too long, half of it goes at once, down to one frame", async () => {
  for (const headers of [{}, at(0)]) {
    const { asked, told, session, poster, answer } = world();
    // One batch of four frames, and two of one.
    const message = frame(0x10, "m".repeat(40_000));
    session.push(new Uint8Array(Buffer.concat([message, message, message, message])));
    for (let count = 0; count < 2; count += 1) session.push(new Uint8Array(message));
    poster.start();
    for (let tries = 0; tries < 2; tries += 1) await answer(413, headers);
    assert.deepEqual(asked.map(({ count }) => count), [6, 3, 1]);
    for (let position = 1; position <= 6; position += 1) await answer(204, at(position));
    assert.deepEqual([asked.length, told.gone, session.replay.isEmpty], [8, 0, true]);
  }
});

test("something carries the session anew: at once, however long the next try would have waited", async () => {
  const { asked, poster, answer, breakOff, wait, write } = world();
  poster.start();
  write(1);
  for (let count = 0; count < 8; count += 1) {
    await breakOff();
    if (count < 7) await wait();
  }
  assert.equal(asked.length, 8);
  poster.start();
  assert.equal(asked.length, 9);
  await answer(204, at(1));
  assert.deepEqual(await wait(), []);
});

test("the server has no room: what it took counts, and it says when to come again", async () => {
  const { asked, session, poster, answer, wait, write } = world();
  poster.start();
  write(3);
  await answer(429, { ...at(0), "retry-after": "2" });
  write(1);
  assert.equal(asked.length, 1);
  assert.deepEqual(await wait(), [2000]);
  await answer(503, { ...at(3), "retry-after": "1" });
  assert.equal(session.replay.acknowledged, 3);
  assert.deepEqual(await wait(), [1000]);
  assert.deepEqual(asked[2], { from: 3, received: 0, count: 1, keepalive: false });
  await answer(409, { "retry-after": "1", ...at(3) });
  assert.deepEqual(await wait(), [1000]);
});

test("a gap: it goes on from where the server is", async () => {
  const { asked, poster, answer, write } = world();
  poster.start();
  write(4);
  await answer(409, at(1));
  assert.deepEqual(asked[1], { from: 1, received: 0, count: 3, keepalive: false });
});

test("a session that is gone, or is another", async () => {
  for (const [status, headers] of /** @type {[number, any][]} */ ([
    [404, { "tidegate-session": "lost" }],
    [410, { "tidegate-session": "lost" }],
    [204, at(9)],
    [409, at(0)],
  ])) {
    const { told, poster, answer, write } = world();
    poster.start();
    write(1);
    await answer(204, at(1));
    write(1);
    await answer(status, headers);
    assert.deepEqual([told.gone, told.posted], [1, 1], `${status}`);
  }
});

test("a 404 that is not about the session: it is tried again", async () => {
  for (const status of [404, 410]) {
    const { asked, told, poster, answer, wait, write } = world();
    poster.start();
    write(1);
    await answer(status);
    assert.deepEqual(await wait(), [250]);
    await answer(status, { "tidegate-session": "other" });
    assert.deepEqual(await wait(), [500]);
    await answer(204, at(1));
    assert.deepEqual([asked.length, told.gone, told.posted], [3, 0, 1]);
  }
});

test("64 KiB that came are acknowledged by themselves", async () => {
  const few = world();
  few.attach(frame(0x11, Buffer.alloc(60_000)));
  few.poster.start();
  assert.equal(few.asked.length, 0);
  const many = world();
  many.attach(Buffer.concat([frame(0x11, Buffer.alloc(60_000)), frame(0x11, Buffer.alloc(6000))]));
  many.poster.start();
  assert.deepEqual(many.asked, [{ from: 0, received: 2, count: 0, keepalive: false }]);
  await many.answer(204, at(0));
  assert.equal(many.session.owes, false);
});

test("stopped: what it is answered does not count; and the last words", async () => {
  const { asked, session, poster, answer, write } = world();
  poster.start();
  write(2);
  poster.stop();
  await answer(204, at(2));
  write(1);
  assert.deepEqual([asked.length, session.replay.acknowledged], [1, 0]);
  poster.farewell();
  assert.deepEqual(asked[1], { from: 0, received: 0, count: 3, keepalive: true });
});
