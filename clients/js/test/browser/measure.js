// Reads a flood for a while as fast as it comes, or does not read at all; tells what it found, and goes where it is told.
import { WebSocketStream as Ours } from "../../src/index.js";

const { lane, url, id, size, read, warm, ms } = Object.fromEntries(new URLSearchParams(location.search));
// A flooded page gets to nothing else before it is through, so there is an end to it. With credits none is flooded.
const enoughMib = (Number(size) < 1000 ? 16 : Number(size) < 10_000 ? 128 : 2048) * (lane === "credits" ? 4 : 1);
const mib = read === "no" ? 512 : Math.min(enoughMib, 4096);
const target = `${url}/flood?id=${id}&size=${size}&mib=${mib}`;

let bytes = 0;
/** When the first message came, when the first came that counts, and the last. */
let start = 0;
let first = 0;
let last = 0;
/** Bytes of each tenth of a second from the start on. @type {number[]} */
const tenths = [];
let stop = () => {};
let enough = () => {};

/** One more message. @param {number} length */
function onMessage(length) {
  last = performance.now();
  start ||= last;
  const tenth = Math.floor((last - start) / 100);
  tenths[tenth] = (tenths[tenth] ?? 0) + length;
  if (last - start < Number(warm)) return;
  first ||= last;
  bytes += length;
  if (last - first < Number(ms)) return;
  stop();
  enough();
}

/** The classic WebSocket as pages use it. Who does not read keeps what comes, since the API cannot do otherwise. */
function classic() {
  const socket = new WebSocket(target);
  /** @type {unknown[]} */
  const kept = [];
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => (read === "no" ? kept.push(data) : onMessage(data.byteLength));
  socket.onclose = () => enough();
  stop = () => socket.close();
}

/** A stream, read in a loop. @param {any} socket */
async function stream(socket) {
  const { readable } = await socket.opened;
  if (read === "no") return;
  const reader = readable.getReader();
  stop = () => reader.cancel().catch(() => {});
  for (let step = await reader.read(); !step.done; step = await reader.read()) onMessage(step.value.byteLength);
  enough();
}

/** @returns {any} */
function opened() {
  const Native = /** @type {any} */ (globalThis).WebSocketStream;
  if (lane === "native") return new Native(target);
  return new Ours(target, lane === "credits" ? { credits: true } : { native: lane === "guarded" });
}

if (lane) {
  await new Promise((resolve) => {
    enough = () => resolve(undefined);
    // A flooded page sees its timers late.
    setTimeout(enough, 2 * (Number(warm) + Number(ms)));
    if (lane === "classic") classic();
    else stream(opened()).catch(enough);
  });
}
const result = { mibPerSecond: (bytes / 2 ** 20 / (last - first)) * 1000, tenths };
const answer = await fetch("/next", { method: "POST", body: JSON.stringify(result) });
location.href = await answer.text();
