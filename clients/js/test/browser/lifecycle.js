// A page that converses when it is asked to, and is left, and comes back.
import { Connection } from "../../src/connection.js";

const { id, transport, path = `/watch?id=${id}` } = Object.fromEntries(new URLSearchParams(location.search));
const page = /** @type {any} */ (window);
const transports = /** @type {any} */ (transport ? [transport] : undefined);
const connection = new Connection(path, { transports });
const { readable, writable } = await connection.opened;
const reader = readable.getReader();
const writer = writable.getWriter();
page.marked = false;
page.converse = async (/** @type {number} */ from, /** @type {number} */ to) => {
  page.answer = undefined;
  try {
    for (let number = from; number < to; number += 1) await writer.write(`${number}`);
    for (let number = from; number < to; number += 1) {
      const { value } = await reader.read();
      if (value !== `${number}`) throw new Error(`${value} came in place of ${number}`);
    }
    page.answer = "ok";
  } catch (error) {
    page.answer = `${error}`;
  }
};
page.isReady = true;
