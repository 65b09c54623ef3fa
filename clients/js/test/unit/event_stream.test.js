// What is read of an event stream, however it is cut.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DataLines } from "../../src/transport/event_stream.js";

/** @param {string} text @param {number} size of the pieces that it comes in */
function read(text, size) {
  /** @type {string[]} */
  const events = [];
  const lines = new DataLines((data) => events.push(data));
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) lines.receive(bytes.subarray(at, at + size));
  return events;
}

test("events, by every end of a line and in every piece", () => {
  const lines = [
    ": a comment",
    "id: x.1",
    "data: AAAA",
    "",
    "event: none",
    "",
    "data:BBBB",
    "data: CCCC",
    "id: x.2",
    "",
  ];
  for (const end of ["\n", "\r\n", "\r"]) {
    const text = `${lines.join(end)}${end}`;
    for (let size = 1; size <= text.length; size += 1) {
      // A CR that is the last byte may be half of an end.
      const expected = end === "\r" ? ["AAAA"] : ["AAAA", "BBBBCCCC"];
      assert.deepEqual(read(text, size), expected, `${JSON.stringify(end)}, pieces of ${size}`);
      assert.deepEqual(read(`${text}: more`, size), ["AAAA", "BBBBCCCC"], `${JSON.stringify(end)}, pieces of ${size}`);
    }
  }
});

test("an event that has not ended is none, and a line without end is refused", () => {
  assert.deepEqual(read("data: AAAA\n", 4), []);
  assert.throws(() => read("x".repeat(5 << 20), 1 << 16), RangeError);
});
