// How long is waited for a peer or a reader that does not come, with a clock that runs fifty times as fast. Needs
// TIDEGATE_TOOLS.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocketStream } from "../../src/index.js";
import { end, frame, welcome } from "../peer/frames.mjs";
import { requireTool } from "../tools.mjs";

const { WebSocketServer, WebSocket } = requireTool("ws");

const FASTER = 50;
const platform = {
  WebSocket,
  setTimeout: (/** @type {() => void} */ run, /** @type {number} */ ms) => setTimeout(run, ms / FASTER),
  now: () => performance.now() * FASTER,
};

/**
 * A server that does this with whoever comes.
 *
 * @param {import("node:test").TestContext} t
 * @param {(socket: any) => void} attend
 */
async function serve(t, attend) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  await once(server, "listening");
  /** @type {Promise<[number, string]>} */
  const closed = new Promise((resolve) => {
    server.on("connection", (/** @type {any} */ socket) => {
      socket.on("close", (/** @type {number} */ code, /** @type {Buffer} */ reason) => resolve([code, `${reason}`]));
      attend(socket);
    });
  });
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return { url: `ws://127.0.0.1:${server.address().port}`, closed };
}

test("a reader that has stopped reading does not keep closed from settling", async (t) => {
  const { url } = await serve(t, (socket) => {
    for (const message of ["1", "2", "3"]) socket.send(message);
    socket.close(1000);
  });
  const socket = new WebSocketStream(url, { platform });
  const reader = (await socket.opened).readable.getReader();
  await reader.read();
  assert.equal((await socket.closed).closeCode, 1000);
  assert.equal((await reader.read()).value, "2");
  assert.equal((await reader.read()).value, "3");
  assert.equal((await reader.read()).done, true);
});

test("a peer that never answers a Close", async (t) => {
  const { url } = await serve(t, (socket) => socket._socket.pause());
  const socket = new WebSocketStream(url, { platform });
  await socket.opened;
  socket.close({ closeCode: 1000 });
  await assert.rejects(socket.closed, { name: "WebSocketError", closeCode: 1006 });
});

test("a peer that never reads, and writes that wait when close is called", async (t) => {
  for (const credits of [false, true]) {
    const { url } = await serve(t, (socket) => {
      if (credits) socket.send(welcome(1000));
      socket._socket.pause();
    });
    const socket = new WebSocketStream(url, { platform, credits });
    const writer = (await socket.opened).writable.getWriter();
    const writes = Array.from({ length: 5 }, () =>
      writer.write(new Uint8Array(16 << 20)).then(
        () => "ok",
        (error) => error.name,
      ),
    );
    socket.close({ closeCode: 1000 });
    assert.equal((await Promise.all(writes)).at(-1), "InvalidStateError");
    await assert.rejects(socket.closed, { name: "WebSocketError", closeCode: 1006 });
  }
});

test("credits: no WELCOME", async (t) => {
  const { url, closed } = await serve(t, () => {});
  const socket = new WebSocketStream(url, { platform, credits: true });
  await assert.rejects(socket.opened, { name: "WebSocketError", closeCode: null });
  assert.deepEqual(await closed, [4002, "tidegate.v1: greeting too late"]);
});

test("credits: no END in answer", async (t) => {
  const { url, closed } = await serve(t, (socket) => socket.send(welcome(1000)));
  const socket = new WebSocketStream(url, { platform, credits: true });
  await socket.opened;
  socket.close({ closeCode: 4005, reason: "so" });
  await assert.rejects(socket.closed, { name: "WebSocketError", closeCode: 1006 });
  assert.deepEqual(await closed, [4005, "so"]);
});

test("credits: both ENDs, and the server does not close the WebSocket", async (t) => {
  const { url, closed } = await serve(t, (socket) => {
    socket.send(Buffer.concat([welcome(1000), frame(0x10, "x"), end({ code: 4006, reason: "over" })]));
  });
  const socket = new WebSocketStream(url, { platform, credits: true });
  const reader = (await socket.opened).readable.getReader();
  assert.equal((await reader.read()).value, "x");
  const { closeCode, reason } = await socket.closed;
  assert.deepEqual([closeCode, reason], [4006, "over"]);
  assert.deepEqual(await closed, [4006, "over"]);
});
