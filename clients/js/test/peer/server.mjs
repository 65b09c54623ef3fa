// The paths of the contract server, with credits and sessions, by the peers beside this file.
//
// Prints the URL that it listens on, and ends when its standard input does. Needs TIDEGATE_TOOLS.
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";
import { CreditPeer } from "./credit_peer.mjs";
import { Sessions } from "./session_http.mjs";
import { requireTool } from "../tools.mjs";

const { WebSocketServer } = requireTool("ws");
const pause = (/** @type {number} */ milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @type {Map<string, number>} */
const meters = new Map();

/** @param {CreditPeer} peer @param {(message: string | Buffer) => any} each @returns {Promise<void>} */
async function readAll(peer, each) {
  for (;;) {
    const { message, end } = await peer.next();
    if (end) return peer.end(end.code === 1006 ? {} : end);
    await each(/** @type {string | Buffer} */ (message));
  }
}

/** @param {number} index @param {number} size */
function numbered(index, size) {
  if (!size) return String(index);
  const bytes = Buffer.alloc(Math.max(size, 8));
  bytes.writeBigUInt64BE(BigInt(index));
  return bytes;
}

/** @type {Record<string, (peer: CreditPeer, q: URLSearchParams, transport: any) => Promise<void>>} */
const PATHS = {
  async "/push"(peer, q) {
    for (let index = 0; index < Number(q.get("count")); index += 1)
      await peer.write(numbered(index, Number(q.get("size"))));
    closeWith(peer, q);
    await readAll(peer, () => {});
  },
  async "/drop"(peer, q, transport) {
    await peer.next();
    for (let index = 0; index < Number(q.get("count")); index += 1) await peer.write(String(index));
    setTimeout(() => transport.end(), 20);
  },
  async "/flood"(peer, q) {
    const size = Number(q.get("size") ?? 16_384);
    const id = `${q.get("id")}`;
    readAll(peer, () => {});
    for (let index = 0; index < (64 << 20) / size; index += 1) {
      await peer.write(numbered(index, size));
      meters.set(id, (meters.get(id) ?? 0) + size);
    }
    peer.end({});
  },
  "/meter": (peer, q) => readAll(peer, () => peer.write(String(meters.get(`${q.get("id")}`) ?? 0))),
  async "/late"(peer, q) {
    const id = `${q.get("id")}`;
    await pause(Number(q.get("ms")));
    await readAll(peer, (message) => meters.set(id, (meters.get(id) ?? 0) + message.length));
  },
  async "/close"(peer, q) {
    closeWith(peer, q);
    await readAll(peer, () => {});
  },
  async "/ping"(peer, q) {
    for (let index = 0; index < Number(q.get("count")); index += 1) await peer.write(String(index));
    const id = `${q.get("id")}`;
    peer.ponged.then(() => meters.set(id, 1));
    await readAll(peer, (message) => peer.write(message));
  },
  // The meter shows what it was ended with.
  async "/watch"(peer, q) {
    for (;;) {
      const { message, end } = await peer.next();
      if (message !== undefined) await peer.write(message);
      if (!end) continue;
      meters.set(`${q.get("id")}`, end.code ?? 1005);
      return peer.end(end.code === 1006 ? {} : end);
    }
  },
  "/echo": (peer) => readAll(peer, (message) => peer.write(message)),
};

/** @param {CreditPeer} peer @param {URLSearchParams} q */
function closeWith(peer, q) {
  const code = q.get("code");
  peer.end(code ? { code: Number(code), reason: q.get("reason") ?? "" } : {});
}

/**
 * @param {any} socket a WebSocket of `ws`, or a session
 * @param {URL} url
 * @param {string | undefined} protocol
 * @param {{ end: () => void }} [transport] what ends the connection without a Close
 */
function attend(socket, url, protocol, transport = { end: () => socket.terminate() }) {
  const peer = new CreditPeer(socket, url.pathname === "/no-protocol" ? undefined : protocol);
  const path = PATHS[url.pathname] ?? PATHS["/echo"];
  path(peer, url.searchParams, transport).catch(() => {});
}

/** Listens, and returns where and how to stop. */
export async function startServer() {
  const sessions = new Sessions((session, url, offered) => attend(session, url, offered[0]));
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? "", "http://x");
    if (url.pathname === "/404") return response.writeHead(404).end();
    if (url.pathname === "/sleep") await pause(Number(url.searchParams.get("ms")));
    return sessions.http(request, response);
  });
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: (/** @type {Set<string>} */ offered, /** @type {any} */ request) => {
      const none = request.url.startsWith("/no-protocol") && !request.url.includes("transport=");
      return none ? false : offered.has("tidegate.v1") && "tidegate.v1";
    },
  });
  server.on("upgrade", async (request, transport, head) => {
    const url = new URL(request.url ?? "", "http://x");
    transport.on("error", () => {});
    if (url.pathname === "/404") return transport.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    if (url.pathname === "/sleep") await pause(Number(url.searchParams.get("ms")));
    sockets.handleUpgrade(request, transport, head, (/** @type {any} */ socket) => {
      const offered = `${request.headers["sec-websocket-protocol"]}`.split(",").map((name) => name.trim());
      if (url.searchParams.has("transport")) sessions.webSocket(socket, url, offered.slice(1));
      else attend(socket, url, offered[1], transport);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const close = () => {
    sessions.closeAll();
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
  };
  return {
    url: `ws://127.0.0.1:${port}`,
    close,
    forget: () => sessions.closeAll(),
    detach: (/** @type {number} */ why) => sessions.detachAll(why),
    sessions: () => sessions.count,
    meter: (/** @type {string} */ id) => meters.get(id),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { url } = await startServer();
  // The same for sessions.
  console.log(`${url}\n${url}`);
  process.stdin.on("end", () => process.exit(0)).resume();
}
