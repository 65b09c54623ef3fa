// A numbered conversation with an echo, over whatever still works. The driver disturbs it meanwhile.
import { Connection } from "../../src/connection.js";

const { count, perSecond } = Object.fromEntries(new URLSearchParams(location.search));
const page = /** @type {any} */ (window);
const ways = /** @type {string[]} */ ([]);
const connection = new Connection("/echo", { ontransport: (way) => ways.push(way) });
const { readable, writable } = await connection.opened;

const writing = (async () => {
  const writer = writable.getWriter();
  const started = performance.now();
  for (let number = 0; number < Number(count); number += 1) {
    await writer.write(number % 10 === 0 ? new TextEncoder().encode(`${number} `.repeat(100)) : `${number}`);
    const early = started + (number / Number(perSecond)) * 1000 - performance.now();
    if (early > 20) await new Promise((resolve) => setTimeout(resolve, early));
  }
})();

let read = 0;
let wrong = "";
const reader = readable.getReader();
try {
  for (; read < Number(count) && !wrong; read += 1) {
    const { value, done } = await reader.read();
    if (done) throw new Error("the end");
    const text = typeof value === "string" ? value : new TextDecoder().decode(value);
    if (Number.parseInt(text, 10) !== read) wrong = `${text.slice(0, 20)} came in place of ${read}`;
    page.progress = read;
  }
  await writing;
  connection.close({ closeCode: 4000, reason: "all" });
  const { closeCode, reason } = await connection.closed;
  if (closeCode !== 4000 || reason !== "all") wrong = `closed with ${closeCode} ${reason}`;
} catch (error) {
  wrong = `${error}; ${JSON.stringify(/** @type {any} */ (error).resumed)}`;
}
page.result = { read, wrong, ways };
