import { HELLO, frame } from "./frame.js";
import { Cursor, putVarint, varintLength } from "./varint.js";
import { Violation } from "./violation.js";

/**
 * What WELCOME tells (docs/protocol.md, section 3).
 *
 * @typedef {{ limit: number, maxMessage: number, protocol: string }} Welcome
 */

const VERSION = 1;

/** Parameters. */
const LIMIT = 0x01;
const MAX_MESSAGE = 0x02;
const PROTOCOL = 0x03;
const APART = 0x04;

/** How many there may be. */
const MAX_PARAMETERS = 64;

/** @param {number} limit @param {number} maxMessage @param {number} [apart] */
export function helloFrame(limit, maxMessage, apart) {
  const numbers = [VERSION];
  const parameters = [
    [LIMIT, limit],
    [MAX_MESSAGE, maxMessage],
  ];
  if (apart) parameters.push([APART, apart]);
  for (const [id, value] of parameters) numbers.push(id, varintLength(value), value);
  const payload = new Uint8Array(numbers.reduce((sum, number) => sum + varintLength(number), 0));
  let offset = 0;
  for (const number of numbers) offset = putVarint(payload, offset, number);
  return frame(HELLO, payload);
}

/**
 * @param {Uint8Array} payload
 * @param {string[]} offered the application's protocols
 * @returns {Welcome}
 */
export function welcomeOf(payload, offered) {
  const cursor = new Cursor(payload);
  const parameters = inGreeting(() => {
    if (cursor.varint() !== VERSION) throw new Violation("unknown version");
    return parametersOf(cursor);
  });
  const limit = positive(parameters.get(LIMIT));
  const maxMessage = positive(parameters.get(MAX_MESSAGE));
  const named = parameters.get(PROTOCOL);
  const protocol = named === undefined ? "" : String.fromCharCode(...named);
  const isOffered = named === undefined ? offered.length === 0 : offered.includes(protocol);
  if (!isOffered) throw new Violation("wrong protocol");
  return { limit, maxMessage, protocol };
}

/** @param {Cursor} cursor */
function parametersOf(cursor) {
  /** @type {Map<number, Uint8Array>} */
  const parameters = new Map();
  while (!cursor.isAtEnd) {
    const id = cursor.varint();
    if (parameters.has(id) || parameters.size === MAX_PARAMETERS) throw new Violation("bad parameter");
    parameters.set(id, cursor.take(cursor.varint()));
  }
  return parameters;
}

/** @param {Uint8Array | undefined} value */
function positive(value) {
  if (!value) throw new Violation("bad parameter");
  const cursor = new Cursor(value);
  const number = inGreeting(() => cursor.varint());
  if (number < 1 || !cursor.isAtEnd) throw new Violation("bad parameter");
  return number;
}

/**
 * A greeting is whole, so what is cut inside it is not its frame.
 *
 * @template T
 * @param {() => T} read
 */
function inGreeting(read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof Violation && error.message.endsWith("cut frame")) throw new Violation("bad parameter");
    throw error;
  }
}
