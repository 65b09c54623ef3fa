// The client's machine of tidegate.v1, by the examples and the table of docs/protocol.md.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Machine } from "../../src/credits/machine.js";
import { Violation } from "../../src/credits/violation.js";
import { bytes, hex } from "./bytes.js";

const SETTINGS = { offered: [], window: 262_144, maxWindow: 4_194_304, maxMessageBytes: 16_777_216, apart: 32_768 };
const WELCOME = "02 0d 01 01 04 80 04 00 00 02 04 81 00 00 00";

/** A machine, and what it tells. @param {Partial<typeof SETTINGS> & { offered?: any[] }} [settings] */
function machine(settings = {}) {
  /** @type {any[]} */
  const told = [];
  const events = {
    onWelcome: (/** @type {string} */ protocol) => told.push(["welcome", protocol]),
    onMessage: (/** @type {any} */ chunk) => told.push(chunk),
  };
  return { it: new Machine({ ...SETTINGS, ...settings }, events, 0), told };
}

/** One that is greeted. @param {string} [welcome] @param {object} [settings] */
function greeted(welcome = WELCOME, settings = {}) {
  const { it, told } = machine(settings);
  it.transmit(0);
  it.receive(bytes(welcome), 0);
  told.length = 0;
  return { it, told };
}

test("the examples of section 10", () => {
  const { it, told } = machine({ offered: ["chat"] });
  assert.equal(hex(it.transmit(0)), "01 13 01 01 04 80 04 00 00 02 04 81 00 00 00 04 04 80 00 80 00 05 01 01");
  it.receive(bytes("02 11 01 01 02 40 80 02 04 81 00 00 00 03 04 63 68 61 74   05 00"), 1);
  it.receive(bytes("06 01 01"), 2);
  assert.deepEqual(told, [["welcome", "chat"]]);
  it.send("hi");
  it.send(new Uint8Array());
  assert.equal(hex(it.transmit(3)), "06 00 10 02 68 69 11 00");
  it.receive(bytes("03 03 40 c2 02"), 4);
  // 66 of 194 are used: 138 more bytes may begin, and whatever begins is sent whole.
  it.send("x".repeat(100));
  assert.equal(it.transmit(5)?.length, 103);
  it.send("waits");
  assert.equal(hex(it.transmit(6)), "04 02 40 c2");
  assert.equal(it.transmit(7), undefined, "BLOCKED is told once for a limit");
  assert.equal(it.isSending, true);
});

test("END, with and without a code", () => {
  for (const [info, expected] of [
    [{ closeCode: 1000, reason: "bye" }, "07 05 03 e8 62 79 65"],
    [{ closeCode: null, reason: "" }, "07 00"],
  ]) {
    const { it } = greeted();
    it.end(/** @type {any} */ (info));
    assert.equal(hex(it.transmit(1)), expected);
    it.receive(bytes(/** @type {string} */ (expected)), 2);
    assert.deepEqual(it.peerEnd, info);
    assert.equal(it.isOver, true);
  }
});

test("messages come whole and in parts, cut inside a character", () => {
  const { it, told } = greeted();
  it.receive(bytes("12 02 e6 97"), 1);
  it.receive(bytes("05 01 07"), 1);
  it.receive(bytes("14 03 a5 e6 9c 15 01 ac   11 02 00 ff   10 00"), 1);
  assert.deepEqual(told, ["日本", new Uint8Array([0, 255]), ""]);
  assert.equal(it.unread, 3);
  assert.equal(hex(it.transmit(2)), "06 01 07");
});

test("a message apart is the chunk, and one of no bytes brings batches back", () => {
  const { it, told } = greeted();
  it.receive(bytes("10 01 61 16 00"), 1);
  const messages = [new Uint8Array(3), new Uint8Array(40_000)];
  for (const message of messages) it.receive(message, 1);
  it.receive(new Uint8Array(), 1);
  it.receive(bytes("11 01 07 16 00"), 1);
  it.receive(bytes("01"), 1);
  assert.deepEqual(told, ["a", ...messages, new Uint8Array([7]), new Uint8Array([1])]);
  assert.equal(told[2], messages[1], "without a copy");
  assert.equal(told[3].buffer.byteLength, 1, "a copy, out of its batch");
  assert.equal(it.unread, 5);
});

test("who does not want messages apart does not know them", () => {
  const { it } = greeted(WELCOME, { apart: undefined });
  assert.throws(() => it.receive(bytes("16 00"), 1), { message: "tidegate.v1: reserved frame type" });
  const plain = machine({ apart: undefined });
  assert.equal(hex(plain.it.transmit(0)), "01 0d 01 01 04 80 04 00 00 02 04 81 00 00 00 05 01 01");
});

test("violations of messages apart", () => {
  for (const [rule, settings, ...batches] of /** @type {any[][]} */ ([
    ["bad apart", {}, "16 00", ""],
    ["empty batch", {}, "16 00", "01", "", ""],
    ["message inside message", {}, "13 01 01 16 00", "01"],
    ["no credit", { window: 34 }, "16 00", "01 02", "01"],
    ["message too large", { maxMessageBytes: 2 }, "16 00", "01 02 03"],
    ["batch too large", {}, "16 00", "00 ".repeat(131_073)],
  ])) {
    const { it } = greeted(WELCOME, settings);
    const receive = (/** @type {string} */ batch) => it.receive(batch === "" ? new Uint8Array() : bytes(batch), 1);
    for (const batch of batches.slice(0, -1)) receive(batch);
    assert.throws(() => receive(batches.at(-1)), { message: `tidegate.v1: ${rule}` });
  }
});

test("a long message goes in parts of 64 KiB, with control frames between", () => {
  const { it } = greeted();
  it.send(new Uint8Array(150_000));
  const first = /** @type {Uint8Array} */ (it.transmit(1));
  assert.equal(hex(first.subarray(0, 6)), "13 80 01 00 00 00");
  it.receive(bytes("05 01 07"), 1);
  assert.equal(hex(it.transmit(2)?.subarray(0, 9)), "06 01 07 14 80 01 00 00 00");
  const last = /** @type {Uint8Array} */ (it.transmit(3));
  assert.equal(hex(last.subarray(0, 3)), "15 80 00");
  assert.equal(first.length - 5 + 65_536 + last.length - 5, 150_000);
  assert.equal(it.isSending, false);
});

test("a grant is due when half the window was read, and the window grows with the round trip", () => {
  const { it } = greeted(WELCOME, { window: 1000, maxWindow: 3000 });
  it.receive(bytes("06 01 01"), 40); // The round trip is 40 ms.
  const frame = new Uint8Array(2 + 168);
  frame.set([0x11, 0x40, 168]);
  const message = new Uint8Array([0x11, 0x40, 168, ...new Uint8Array(168)]); // 200 units
  const receive = (/** @type {number} */ count) => {
    for (let number = 0; number < count; number += 1) it.receive(message, 40);
  };
  receive(5);
  it.messageRead(100);
  it.messageRead(100);
  assert.equal(it.transmit(100), undefined, "400 of 1000 were read");
  it.messageRead(100);
  assert.equal(hex(it.transmit(100)), "03 03 46 40 03", "limit 1600, ack 3");
  it.messageRead(100);
  it.messageRead(170);
  receive(3);
  it.messageRead(179);
  assert.equal(hex(it.transmit(179)), "03 03 4c 80 06", "within two round trips: 1200 + 2000");
  receive(8);
  for (let number = 0; number < 5; number += 1) it.messageRead(500);
  assert.equal(hex(it.transmit(500)), "03 03 50 68 0b", "long after: 2200 + 2000");
});

test("the window grows when half of it is read within 50 ms, whatever the round trip", () => {
  const message = bytes(`11 44 00 ${"00 ".repeat(1024)}`); // 1056 units
  for (const [takes, limit] of [
    [49, 1056 + 4000],
    [50, 1056 + 2000],
  ]) {
    const { it } = greeted(WELCOME, { window: 2000, maxWindow: 8000 });
    it.receive(message, 1);
    it.messageRead(takes);
    const [high, low] = it.transmit(takes)?.subarray(2, 4) ?? [];
    assert.equal(((high & 0x3f) << 8) | low, limit);
  }
});

test("a message longer than the peer takes is refused", () => {
  const { it } = greeted("02 0a 01 01 04 80 04 00 00 02 01 05");
  assert.throws(() => it.send("sixsix"), RangeError);
  it.send("five!");
  assert.equal(hex(it.transmit(1)), "10 05 66 69 76 65 21");
});

/** What a server may do wrong after its greeting, and the rule that tells. */
const VIOLATIONS = {
  "empty batch": [""],
  "cut frame": ["10 05 68 69", "10", "10 40"],
  "varint not shortest": ["10 40 02 68 69", "03 08 c0 00 00 00 00 00 00 01"],
  "varint too large": ["10 ff ff ff ff ff ff ff ff"],
  "reserved frame type": ["08 00", "0f 00", "17 00", "00 00", "ff 00"],
  "no greeting": ["01 01 01"],
  "second greeting": [WELCOME],
  "bad control frame": [
    "05 09 00 00 00 00 00 00 00 00 00",
    "06 09 00 00 00 00 00 00 00 00 00",
    "03 01 01",
    "03 03 01 01 01",
    "04 00",
    "16 01 00",
  ],
  "message inside message": ["12 01 61 10 01 61", "12 01 61 12 01 61"],
  "part of nothing": ["14 01 61", "15 00", "12 01 61 15 00 15 00"],
  "empty part": ["12 00", "13 00", "12 01 61 14 00"],
  "bad apart": ["16 00 05 00", "16 00 16 00"],
  "not UTF-8": ["10 01 ff", "12 01 e6 15 00", "07 03 03 e8 ff"],
  "limit shrunk": ["03 02 01 00"],
  "ack of unsent": ["03 05 80 04 00 01 01"],
  "idle credit": ["03 05 80 04 00 00 00"],
  "bad blocked": ["04 04 80 04 00 01", "04 01 05 04 01 05", "04 01 05 04 01 06"],
  "second ping": ["05 00 05 00"],
  "unasked pong": ["06 01 02", "06 00", "06 01 01 06 01 01"],
  "message after end": ["07 00 10 00", "07 00 14 01 61", "07 00 16 00"],
  "end inside message": ["12 01 61 07 00", "12 01 61 07 02 03 e8"],
  "second end": ["07 00 07 00"],
  "bad end": ["07 01 03", "07 02 03 ed", "07 02 03 ee", "07 02 00 00", "07 02 13 88"],
};

for (const [rule, batches] of Object.entries(VIOLATIONS)) {
  test(`violation: ${rule}`, () => {
    for (const batch of batches) {
      const { it } = greeted();
      const run = () => it.receive(batch === "" ? new Uint8Array() : bytes(batch), 1);
      assert.throws(run, (error) => error instanceof Violation && error.reason === `tidegate.v1: ${rule}`, batch);
    }
  });
}

test("violations of the greeting", () => {
  const cases = [
    ["unknown version", "02 0d 02 01 04 80 04 00 00 02 04 81 00 00 00"],
    ["bad parameter", "02 07 01 01 04 80 04 00 00"],
    ["bad parameter", "02 09 01 01 02 40 80 01 02 40 80"],
    ["bad parameter", "02 07 01 01 01 00 02 01 05"],
    ["bad parameter", "02 04 01 01 04 80"],
    ["wrong protocol", "02 12 01 01 04 80 04 00 00 02 04 81 00 00 00 03 03 66 6f 6f"],
    ["no greeting", "10 00"],
    ["no greeting", "01 01 01"],
  ];
  for (const [rule, batch] of cases) {
    const { it } = machine();
    assert.throws(() => it.receive(bytes(batch), 1), { message: `tidegate.v1: ${rule}` }, batch);
  }
  const { it } = machine({ offered: ["chat"] });
  assert.throws(() => it.receive(bytes(WELCOME), 1), { message: "tidegate.v1: wrong protocol" });
});

test("violations that need more than one batch", () => {
  const far = greeted(WELCOME, { window: 100 });
  far.it.receive(new Uint8Array([0x11, 0x40, 100, ...new Uint8Array(100)]), 1);
  assert.throws(() => far.it.receive(bytes("11 00"), 1), { message: "tidegate.v1: no credit" });
  const big = greeted(WELCOME, { maxMessageBytes: 3 });
  assert.throws(() => big.it.receive(bytes("12 02 61 61 14 02 61 61"), 1), {
    message: "tidegate.v1: message too large",
    closeCode: 1009,
  });
  const wide = greeted();
  assert.throws(() => wide.it.receive(new Uint8Array(131_073), 1), {
    message: "tidegate.v1: batch too large",
    closeCode: 1009,
  });
  const chatty = greeted();
  const limits = Array.from({ length: 65 }, (_, index) => bytes(`03 05 80 04 00 ${(index + 1).toString(16)} 00`));
  for (const credit of limits.slice(0, 64)) chatty.it.receive(credit, 1);
  assert.throws(() => chatty.it.receive(limits[64], 1), { message: "tidegate.v1: too many credits" });
  const back = greeted();
  back.it.send("a");
  back.it.transmit(1);
  back.it.receive(bytes("03 05 80 04 00 01 01"), 1);
  assert.throws(() => back.it.receive(bytes("03 05 80 04 00 02 00"), 1), { message: "tidegate.v1: ack shrunk" });
});
