// Servers that do not speak tidegate.v1, asked for it (docs/protocol.md, section 1). Needs TIDEGATE_TOOLS.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocketStream } from "../../src/index.js";
import { requireTool } from "../tools.mjs";

const { WebSocketServer, WebSocket } = requireTool("ws");

/** @param {import("node:test").TestContext} t @param {(offered: Set<string>) => string | false} select */
async function serve(t, select) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, handleProtocols: select });
  await once(server, "listening");
  server.on("connection", (/** @type {any} */ socket) => socket.send("plain"));
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return `ws://127.0.0.1:${server.address().port}`;
}

test("it selects one of the application's protocols: a plain WebSocket", async (t) => {
  /** @type {string[]} */
  let seen = [];
  const url = await serve(t, (offered) => {
    seen = [...offered];
    return "b";
  });
  const socket = new WebSocketStream(url, { credits: true, protocols: ["a", "b"], platform: { WebSocket } });
  const { protocol, readable } = await socket.opened;
  assert.deepEqual([protocol, seen], ["b", ["tidegate.v1", "a", "b"]]);
  assert.equal((await readable.getReader().read()).value, "plain");
});

test("it selects nothing: refused", async (t) => {
  const url = await serve(t, () => false);
  const socket = new WebSocketStream(url, { credits: true, platform: { WebSocket } });
  await assert.rejects(socket.opened, { name: "WebSocketError", closeCode: null });
  await assert.rejects(socket.closed, { name: "WebSocketError", closeCode: 1006 });
});

test("without credits nothing of them is offered", async (t) => {
  /** @type {string[] | undefined} */
  let seen;
  const url = await serve(t, (offered) => {
    seen = [...offered];
    return seen[0];
  });
  const { protocol } = await new WebSocketStream(url, { protocols: ["a"], platform: { WebSocket } }).opened;
  assert.deepEqual([protocol, seen], ["a", ["a"]]);
});
