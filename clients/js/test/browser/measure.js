// Reads a flood for a while as fast as it comes, or does not read at all.
import { WebSocketStream as Ours } from "../../src/index.js";

const { lane, url, size, read, ms } = Object.fromEntries(new URLSearchParams(location.search));
const page = /** @type {any} */ (window);
const target = `${url}/flood?id=${Math.random()}&size=${size}&mib=192`;
const id = new URL(target).searchParams.get("id");

/** The classic WebSocket as pages use it. @param {(bytes: number) => void} onMessage */
function classic(onMessage) {
  const socket = new WebSocket(target);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => onMessage(data.byteLength);
  socket.onclose = () => enough();
  return () => socket.close();
}

/** A stream, read in a loop. @param {any} socket @param {(bytes: number) => void} onMessage */
async function stream(socket, onMessage) {
  const { readable } = await socket.opened;
  const reader = readable.getReader();
  if (read === "no") return;
  stop = () => reader.cancel().catch(() => {});
  for (let step = await reader.read(); !step.done; step = await reader.read()) onMessage(step.value.byteLength);
  enough();
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
/** A flooded page may never see its timers. @type {() => void} */
let enough = () => {};
const isEnough = new Promise((resolve) => {
  enough = () => resolve(undefined);
  setTimeout(enough, 2 * Number(ms));
});
let last = 0;
const onMessage = (/** @type {number} */ length) => {
  last = performance.now();
  first ||= last;
  bytes += length;
  if (last - first < Number(ms)) return;
  stop();
  enough();
};
let stop = () => {};
const Native = /** @type {any} */ (globalThis).WebSocketStream;
if (lane === "classic") stop = classic(onMessage);
else if (lane === "native") stream(new Native(target), onMessage).catch(() => {});
else
  stream(new Ours(target, lane === "credits" ? { credits: true } : { native: lane === "guarded" }), onMessage).catch(
    () => {},
  );
await isEnough;
page.result = {
  mibPerSecond: (bytes / 2 ** 20 / (last - first)) * 1000,
  pushedMib: read === "no" ? (await pushed()) / 2 ** 20 : undefined,
};
