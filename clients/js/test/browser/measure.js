// Reads a flood for a while as fast as it comes, or does not read at all.
import { WebSocketStream as Ours } from "../../src/index.js";

const { lane, url, size, read, ms } = Object.fromEntries(new URLSearchParams(location.search));
const page = /** @type {any} */ (window);
const target = `${url}/flood?id=${Math.random()}&size=${size}&mib=4096`;
const id = new URL(target).searchParams.get("id");

/** The classic WebSocket as pages use it. @param {(bytes: number) => void} onMessage */
function classic(onMessage) {
  const socket = new WebSocket(target);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => onMessage(data.byteLength);
  return () => socket.close();
}

/** A stream, read in a loop. @param {any} socket @param {(bytes: number) => void} onMessage */
async function stream(socket, onMessage) {
  const { readable } = await socket.opened;
  const reader = readable.getReader();
  if (read === "no") return;
  for (let step = await reader.read(); !step.done; step = await reader.read()) onMessage(step.value.byteLength);
}

/** What the server has pushed. */
async function pushed() {
  const socket = new Ours(`${url}/meter?id=${id}`, { native: false });
  const { readable, writable } = await socket.opened;
  await writable.getWriter().write("?");
  const { value } = await readable.getReader().read();
  socket.close();
  return Number(value);
}

let bytes = 0;
let first = 0;
const onMessage = (/** @type {number} */ length) => {
  first ||= performance.now();
  bytes += length;
};
const Native = /** @type {any} */ (globalThis).WebSocketStream;
if (lane === "classic") classic(onMessage);
else if (lane === "native") stream(new Native(target), onMessage).catch(() => {});
else
  stream(new Ours(target, lane === "credits" ? { credits: true } : { native: lane === "guarded" }), onMessage).catch(
    () => {},
  );
await new Promise((resolve) => setTimeout(resolve, Number(ms)));
const seconds = (performance.now() - first) / 1000;
page.result = {
  mibPerSecond: bytes / 2 ** 20 / seconds,
  pushedMib: read === "no" ? (await pushed()) / 2 ** 20 : undefined,
};
