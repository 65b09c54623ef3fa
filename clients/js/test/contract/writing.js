import { test } from "./harness.js";

test("rule 14: what a chunk is sent as", async (t) => {
  const { reader, writer } = await t.open("/echo");
  const bytes = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
  const cases = [
    ["text", "text"],
    ["\ud800 lone \udc00", "\ufffd lone \ufffd"],
    [42, "42"],
    [null, "null"],
    [undefined, "undefined"],
    [{ toString: () => "an object" }, "an object"],
    [bytes, [...bytes]],
    [bytes.buffer, [...bytes]],
    [bytes.subarray(2, 5), [3, 4, 5]],
    [new DataView(bytes.buffer, 6), [7, 8]],
    [new Uint16Array(bytes.buffer, 0, 1), [1, 2]],
    [new Blob([bytes.subarray(0, 2), "a"]), [1, 2, 97]],
  ];
  for (const [chunk, expected] of cases) {
    await writer.write(/** @type {any} */ (chunk));
    const { value } = await reader.read();
    t.equal(typeof value === "string" ? value : [.../** @type {Uint8Array} */ (value)], expected);
  }
});

test("rule 14: bytes are copied at the write", async (t) => {
  const { reader, writer } = await t.open("/echo");
  await writer.ready;
  const bytes = new Uint8Array(100_000).fill(1);
  const written = writer.write(bytes);
  bytes.fill(2);
  await written;
  const { value } = await reader.read();
  t.ok(
    /** @type {Uint8Array} */ (value).every((byte) => byte === 1),
    "what was there at the write is sent",
  );
});

test("rule 14: what cannot be sent is a TypeError", async (t) => {
  const bad = [{ toString: () => ({}), valueOf: () => ({}) }, Symbol("x")];
  try {
    bad.push(new /** @type {any} */ (ArrayBuffer)(8, { maxByteLength: 16 }));
  } catch {
    // Not in this runtime.
  }
  if (/** @type {any} */ (bad[2])?.resizable !== true) bad.length = 2;
  if (typeof SharedArrayBuffer !== "undefined") bad.push(new Uint8Array(new SharedArrayBuffer(8)));
  for (const chunk of bad) {
    const { writer } = await t.open("/echo");
    await t.rejects(writer.write(/** @type {any} */ (chunk)), "TypeError");
  }
});

test("rule 15: a server that does not read makes the writer wait", async (t) => {
  const id = t.id();
  const { socket, writer } = await t.open(`/late?ms=1500&id=${id}`);
  const chunk = new Uint8Array(64 * 1024);
  let written = 0;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
  }, 1000);
  while (!isLate && written < 64 << 20) {
    const one = await Promise.race([writer.write(chunk).then(() => "written"), t.sleep(1500).then(() => "waits")]);
    written += chunk.length;
    if (one === "waits") break;
  }
  clearTimeout(timer);
  const most = t.hasCredits ? 1 << 20 : 16 << 20;
  t.ok(written <= most, `${written} bytes are at most ${most}`);
  t.figure = `${written} bytes accepted`;
  await writer.close();
  t.equal((await socket.closed).closeCode, 1005);
  await t.meterShows(id, written);
});

test("rule 16: closing the writer sends what was written, and waits", async (t) => {
  const id = t.id();
  const { socket, writer } = await t.open(`/late?ms=50&id=${id}`);
  for (let number = 0; number < 50; number += 1) writer.write(new Uint8Array(1000));
  await writer.close();
  t.equal((await socket.closed).closeCode, 1005);
  await t.meterShows(id, 50_000);
});

test("what is written before close is sent before the Close", async (t) => {
  const id = t.id();
  const { socket, writer } = await t.open(`/late?ms=50&id=${id}`);
  const writes = Array.from({ length: 200 }, () => writer.write(new Uint8Array(1000)));
  socket.close({ closeCode: 4000, reason: "all" });
  await Promise.all(writes);
  const { closeCode, reason } = await socket.closed;
  t.equal([closeCode, reason], [4000, "all"]);
  await t.meterShows(id, 200_000);
});

test("hole: a write after close fails", async (t) => {
  const { socket, writer } = await t.open("/echo");
  socket.close({ closeCode: 1000 });
  await t.rejects(writer.write("too late"), "InvalidStateError");
  await socket.closed;
  await t.rejects(writer.write("far too late"), "InvalidStateError");
});

test("rule 17: abort closes with what it is given", async (t) => {
  const { socket, writer } = await t.open("/echo");
  await writer.abort(new t.WebSocketError("", { closeCode: 3003, reason: "away" }));
  const { closeCode, reason } = await socket.closed;
  t.equal([closeCode, reason], [3003, "away"]);
});

test("rule 18: after the peer's Close writing fails", async (t) => {
  const { socket, writer } = await t.open("/close?code=4002&reason=bye");
  const { closeCode, code, reason } = await socket.closed;
  t.equal([closeCode, code, reason], [4002, 4002, "bye"]);
  await t.rejects(writer.write("x"), "InvalidStateError");
  await t.rejects(writer.closed, "InvalidStateError");
});

test(
  "rule 19: a write in flight when the peer closes makes it unclean",
  async (t) => {
    // Deno sends on after the peer's Close, and calls that clean.
    if ("Deno" in globalThis) return;
    // More than any buffer on the way, and nobody reads it before the Close has left: a server that does may be so fast
    // that Node, whose writes then never wait, has sent all before it looks at what has come.
    const { socket, writer } = await t.open("/close-on-message?code=4567&unread=500");
    await writer.write("close");
    const writes = Array.from({ length: 24 }, () => writer.write(new Uint8Array(4 << 20)));
    for (const write of writes) write.catch(() => {});
    const last = /** @type {Promise<void>} */ (writes.at(-1));
    const closed = await t.rejects(socket.closed, "WebSocketError");
    t.equal(closed.closeCode, 4567);
    const error = await t.rejects(last, "InvalidStateError");
    t.ok((await writer.write("x").catch((later) => later)) === error, "later writes fail with the same error");
  },
  ["classic", "native"],
);

test("small messages keep their order both ways", async (t) => {
  const { socket, reader, writer } = await t.open("/echo");
  const count = 2000;
  const writing = (async () => {
    for (let number = 0; number < count; number += 1) await writer.write(`${number}`);
  })();
  for (let number = 0; number < count; number += 1) t.equal((await reader.read()).value, `${number}`);
  await writing;
  socket.close();
  t.equal((await socket.closed).closeCode, 1005);
});
