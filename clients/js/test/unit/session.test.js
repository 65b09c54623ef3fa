// The client's end of a session, frame by frame (docs/sessions.md).
import assert from "node:assert/strict";
import { test } from "node:test";
import { Session } from "../../src/session/machine.js";
import { frame } from "../peer/frames.mjs";
import { bytes, hex } from "./bytes.js";

const [ATTACHED, ACK, DETACHED, PADDING, SKIP] = [0x08, 0x09, 0x0a, 0x0b, 0x0c];

/** @param {number} received @param {number} after @param {string} id */
function attached(received, after, id = "abc") {
  return frame(ATTACHED, 1, id.length, id, 2, 1, received, 3, 1, after, 4, 2, 1000);
}

/** A session, and what came of it. */
function session() {
  const got = /** @type {string[]} */ ([]);
  const told = { acknowledged: 0 };
  const it = new Session({
    onFrames: (frames) => got.push(hex(frames) ?? ""),
    onAcknowledged: () => {
      told.acknowledged += 1;
    },
  });
  const why = /** @type {number[]} */ ([]);
  const attach = (isWanted = true) =>
    it.incoming({
      onAttached: (given) => {
        if (isWanted) it.attached(given);
        return isWanted;
      },
      onDetached: (number) => why.push(number),
    });
  return { it, got, told, why, attach };
}

const message = (/** @type {string} */ text) => frame(0x10, text);

test("what comes twice is skipped, by whatever attachment", () => {
  const { it, got, attach } = session();
  const first = attach();
  first.receive(Buffer.concat([attached(0, 0), message("a"), message("b")]));
  assert.deepEqual([it.id, it.keepMs, it.received], ["abc", 1000, 2]);
  const second = attach();
  second.receive(Buffer.concat([attached(0, 1), message("b"), message("c")]));
  first.receive(message("c"));
  second.receive(Buffer.concat([message("d"), message("e")]));
  assert.deepEqual(got, ["10 01 61 10 01 62", "10 01 63", "10 01 64 10 01 65"]);
  assert.equal(it.received, 5);
});

test("a change of transport in the midst of a frame", () => {
  const { it, got, attach } = session();
  const first = attach();
  const whole = Buffer.concat([attached(0, 0), message("a"), message("bcd")]);
  for (const byte of whole.subarray(0, whole.length - 1)) first.receive(Uint8Array.of(byte));
  assert.deepEqual([got, first.isInside], [["10 01 61"], true]);
  const second = attach();
  second.receive(Buffer.concat([attached(0, 1), message("bcd")]));
  assert.deepEqual([got, it.received], [["10 01 61", "10 03 62 63 64"], 2]);
});

test("an attachment that is not wanted counts for nothing", () => {
  const { it, got, attach } = session();
  attach(false).receive(Buffer.concat([attached(7, 0, "other"), message("a")]));
  assert.deepEqual([got, it.received, it.id], [[], 0, ""]);
});

test("padding counts for nothing, and DETACHED tells why", () => {
  const { it, got, why, attach } = session();
  attach().receive(Buffer.concat([attached(0, 0), frame(PADDING, "xxxx"), message("a"), frame(DETACHED, 2)]));
  assert.deepEqual([got, it.received, why], [["10 01 61"], 1, [2]]);
});

test("SKIP: what was acknowledged by another way", () => {
  const { it, got, attach } = session();
  attach().receive(Buffer.concat([attached(0, 0), message("a"), message("b"), message("c")]));
  const late = attach();
  late.receive(Buffer.concat([attached(0, 1), frame(SKIP, 2), message("c"), message("d")]));
  assert.deepEqual([got.at(-1), it.received], ["10 01 64", 4]);
  assert.throws(() => late.receive(frame(SKIP, 5)), { message: "tidegate.v1: bad parameter" });
});

test("what was sent is kept until it is acknowledged, also where that falls inside a batch", () => {
  const { it, told, attach } = session();
  it.push(bytes("10 01 61 10 01 62 10 01 63"));
  it.push(bytes("10 01 64"));
  attach().receive(attached(0, 0));
  assert.equal(it.rewind(0), undefined);
  assert.deepEqual(
    [hex(it.replay.next()), hex(it.replay.next()), it.replay.next()],
    ["10 01 61 10 01 62 10 01 63", "10 01 64", undefined],
  );
  it.acknowledged(2);
  it.acknowledged(1);
  assert.deepEqual([told.acknowledged, it.replay.bytes], [1, 6]);
  assert.equal(it.replay.next(), undefined);
  assert.deepEqual(it.replay.body(1000), { bytes: bytes("10 01 63 10 01 64"), count: 2 });
  assert.equal(it.replay.body(5).count, 1);
  // A WebSocket that counts from before what a POST was answered.
  assert.equal(hex(it.rewind(1)), "0c 01 02");
  assert.equal(hex(it.replay.next()), "10 01 63");
  it.acknowledged(4);
  assert.deepEqual([it.replay.isEmpty, it.replay.bytes], [true, 0]);
  assert.throws(() => it.acknowledged(5), { message: "tidegate.v1: ack of unsent" });
});

test("there is room for 256 KiB that are not acknowledged", () => {
  const { it } = session();
  const big = new Uint8Array(frame(0x11, Buffer.alloc(65_536)));
  for (let count = 0; count < 4; count += 1) {
    assert.equal(it.replay.hasRoom, true);
    it.push(big);
  }
  assert.equal(it.replay.hasRoom, false);
  it.acknowledged(1);
  assert.equal(it.replay.hasRoom, true);
});

test("what was received is owed until the server knows", () => {
  const { it, attach } = session();
  const down = attach();
  down.receive(Buffer.concat([attached(0, 0), message("a")]));
  const position = it.position();
  down.receive(message("b"));
  assert.deepEqual([it.owes, it.owedBytes], [true, 6]);
  it.told(position);
  assert.deepEqual([it.owes, it.owedBytes], [true, 3]);
  assert.equal(hex(it.ack()), "09 01 02");
  it.told(position);
  assert.deepEqual([it.owes, it.owedBytes], [false, 0]);
});

test("what a server may not do", () => {
  const fresh = [
    message("a"),
    frame(ACK, 0),
    attached(1, 0),
    attached(0, 1),
    frame(ATTACHED, 1, 1, "x", 2, 1, 0),
    frame(0x11, Buffer.alloc(131_072)),
  ];
  for (const bad of fresh)
    assert.throws(() => session().attach().receive(bad), { name: "Error" }, hex(bad.subarray(0, 9)));
  const later = [attached(0, 0), frame(ACK, 1), frame(SKIP, 1), frame(ACK, 0, 0)];
  for (const bad of later) {
    const { attach } = session();
    const down = attach();
    down.receive(attached(0, 0));
    assert.throws(() => down.receive(bad), { name: "Error" }, hex(bad));
  }
  const { attach } = session();
  attach().receive(attached(0, 0));
  assert.throws(() => attach().receive(attached(0, 0, "xyz")), { message: "tidegate.v1: bad parameter" });
});
