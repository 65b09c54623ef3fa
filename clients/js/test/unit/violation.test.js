// What a client does to a server that breaks tidegate.v1, over a real socket. Needs TIDEGATE_TOOLS.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocketError, WebSocketStream } from "../../src/index.js";
import { frame, welcome } from "../peer/frames.mjs";
import { requireTool } from "../tools.mjs";

const { WebSocketServer, WebSocket } = requireTool("ws");

/** A server that says these batches to whoever comes. @param {Uint8Array[]} batches */
async function serve(batches) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  await once(server, "listening");
  /** @type {Buffer[]} */
  const received = [];
  const closed = new Promise((resolve) => {
    server.on("connection", (/** @type {any} */ socket) => {
      for (const batch of batches) socket.send(batch);
      socket.on("message", (/** @type {Buffer} */ data) => received.push(data));
      socket.on("close", (/** @type {number} */ code, /** @type {Buffer} */ reason) => resolve([code, `${reason}`]));
    });
  });
  const stop = () => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  };
  return { url: `ws://127.0.0.1:${server.address().port}`, received, closed, stop };
}

test("a message without credit: END with 1002, a Close with 4002, and the rule in both", async () => {
  const flood = Array.from({ length: 20 }, () => frame(0x11, new Uint8Array(16_384)));
  const { url, received, closed, stop } = await serve([welcome(262_144), ...flood]);
  const socket = new WebSocketStream(url, { credits: true, platform: { WebSocket } });
  const { readable, writable } = await socket.opened;
  assert.deepEqual(await closed, [4002, "tidegate.v1: no credit"]);
  const last = /** @type {Buffer} */ (received.at(-1));
  assert.equal(last.toString("latin1"), "\x07\x18\x03\xeatidegate.v1: no credit");
  // What came before can still be read.
  const reader = readable.getReader();
  let count = 0;
  const error = await (async () => {
    for (;;) {
      const { done } = await reader.read();
      assert.equal(done, false);
      count += 1;
    }
  })().catch((reason) => reason);
  assert.equal(count, 16);
  assert.ok(error instanceof WebSocketError);
  assert.deepEqual([error.closeCode, error.reason], [1002, "tidegate.v1: no credit"]);
  assert.equal(await socket.closed.catch((reason) => reason), error);
  assert.equal(await writable.getWriter().closed.catch((reason) => reason), error);
  stop();
});

test("a text message where batches are due", async () => {
  const { url, closed, stop } = await serve([/** @type {any} */ ("hello")]);
  const socket = new WebSocketStream(url, { credits: true, platform: { WebSocket } });
  await assert.rejects(socket.opened, { name: "WebSocketError", closeCode: null });
  await assert.rejects(socket.closed, { name: "WebSocketError", closeCode: 1006 });
  assert.deepEqual(await closed, [4002, "tidegate.v1: text batch"]);
  stop();
});

test("a Close without END is not clean", async () => {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  server.on("connection", (/** @type {any} */ socket) => {
    socket.send(Buffer.concat([welcome(262_144), frame(0x10, "last words")]));
    socket.close(1000, "no END");
  });
  const socket = new WebSocketStream(`ws://127.0.0.1:${server.address().port}`, {
    credits: true,
    platform: { WebSocket },
  });
  const reader = (await socket.opened).readable.getReader();
  assert.deepEqual(await reader.read(), { value: "last words", done: false });
  await assert.rejects(reader.read(), { name: "WebSocketError", closeCode: 1000, reason: "no END" });
  await assert.rejects(socket.closed, { name: "WebSocketError", closeCode: 1000 });
  server.close();
});

test("small messages leave in few batches", async () => {
  const { url, received, stop } = await serve([welcome(262_144)]);
  const socket = new WebSocketStream(url, { credits: true, platform: { WebSocket } });
  const { writable } = await socket.opened;
  const writer = writable.getWriter();
  for (let number = 0; number < 1000; number += 1) await writer.write(`message ${number}`);
  writer.close().catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 100));
  stop();
  const end = received.findIndex((batch) => batch.subarray(-2).toString("hex") === "0700");
  assert.ok(end > 0 && end < 20, `1000 messages came in ${end + 1} batches`);
});
