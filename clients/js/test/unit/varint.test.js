import assert from "node:assert/strict";
import { test } from "node:test";
import { Cursor, putVarint, varintLength } from "../../src/credits/varint.js";
import { hex } from "./bytes.js";

test("a varint has its shortest form at every border", () => {
  const cases = [
    [0, "00"],
    [63, "3f"],
    [64, "40 40"],
    [16_383, "7f ff"],
    [16_384, "80 00 40 00"],
    [2 ** 30 - 1, "bf ff ff ff"],
    [2 ** 30, "c0 00 00 00 40 00 00 00"],
    [Number.MAX_SAFE_INTEGER, "c0 1f ff ff ff ff ff ff"],
  ];
  for (const [number, expected] of cases) {
    const bytes = new Uint8Array(varintLength(Number(number)));
    assert.equal(putVarint(bytes, 0, Number(number)), bytes.length);
    assert.equal(hex(bytes), expected);
    assert.equal(new Cursor(bytes).varint(), number);
  }
});
