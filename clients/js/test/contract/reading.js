import { test } from "./harness.js";

test("rule 9: text is a string, binary a Uint8Array, one chunk a message", async (t) => {
  const { reader, writer } = await t.open("/echo");
  for (const sent of ["text", "", "日本\u{1f30a}", "x".repeat(300_000)]) {
    await writer.write(sent);
    t.equal((await reader.read()).value, sent);
  }
  for (const length of [0, 5, 70_000, 300_000]) {
    const bytes = Uint8Array.from({ length }, (_, index) => index);
    await writer.write(bytes);
    const { value } = await reader.read();
    t.ok(value instanceof Uint8Array, "bytes are a Uint8Array");
    t.equal(value.buffer.byteLength, length, "its buffer");
    t.ok(
      bytes.every((byte, index) => value[index] === byte),
      "every byte is right",
    );
  }
});

for (const pause of [0, 5]) {
  test(`rule 12: all 100 messages, then done, then closed; ${pause} ms a message`, async (t) => {
    const { socket, reader } = await t.open("/push?count=100&code=4001&reason=over");
    /** @type {string[]} */
    const order = [];
    const closed = socket.closed.then((info) => {
      order.push("closed");
      return info;
    });
    for (let number = 0; number < 100; number += 1) {
      t.equal(order, [], "what has settled before the last message was read");
      const { value, done } = await reader.read();
      t.ok(!done, `message ${number} comes before the end`);
      t.equal(value, String(number));
      if (pause) await t.sleep(pause);
    }
    t.equal((await reader.read()).done, true);
    const { closeCode, code, reason } = await closed;
    t.equal([closeCode, code, reason], [4001, 4001, "over"]);
  });
}

test("hole: a Close behind more than is read ahead loses nothing in silence", async (t) => {
  const { socket, reader } = await t.open("/push?count=100&size=65536&code=1000");
  let count = 0;
  const end = await (async () => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return "done";
      t.equal(numberOf(value), count);
      count += 1;
      if (count % 4 === 0) await t.sleep(10);
    }
  })().catch((error) => error);
  if (t.lane === "native" && count < 100) {
    // The browser has dropped them; that much is told.
    t.equal(end.name, "WebSocketError");
    await t.rejects(socket.closed, "WebSocketError");
    return;
  }
  t.equal(count, 100);
  if (t.lane !== "native") t.equal(end, "done");
});

test(
  "hole: closed settles although nobody reads",
  async (t) => {
    const socket = t.connect("/push?count=3&code=1000");
    const { readable } = await socket.opened;
    t.equal((await socket.closed).closeCode, 1000);
    const reader = readable.getReader();
    for (const expected of ["0", "1", "2"]) t.equal((await reader.read()).value, expected);
    t.equal((await reader.read()).done, true);
  },
  ["classic", "native"],
);

// A session survives what breaks a WebSocket; how it is lost is tested in unit/connection.test.js.
test(
  "rule 12: a loss gives what came, then one error for all",
  async (t) => {
    const { socket, reader, writer } = await t.open("/drop?count=10");
    await writer.write("go");
    let count = 0;
    const read = await (async () => {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return undefined;
        t.equal(value, String(count));
        count += 1;
        await t.sleep(5);
      }
    })().catch((error) => error);
    // Chromium's own drops what it has not handed over.
    if (t.lane !== "native") t.equal(count, 10);
    const closed = await t.rejects(socket.closed, "WebSocketError");
    t.equal(closed.closeCode, 1006);
    t.ok(read === closed, "reading fails with the error of closed");
    t.ok((await writer.write("x").catch((error) => error)) === closed, "writing fails with the error of closed");
    t.ok((await writer.closed.catch((error) => error)) === closed, "the writer too");
  },
  ["classic", "native", "credits"],
);

test("rule 13: cancel closes with what it is given", async (t) => {
  const wrapped = new t.WebSocketError("", { closeCode: 3001, reason: "enough" });
  for (const [given, expected] of [
    [undefined, 1005],
    [{ closeCode: 3001 }, 1005],
    [wrapped, 3001],
  ]) {
    const { socket, reader } = await t.open("/echo");
    await reader.cancel(given);
    const { closeCode, reason } = await socket.closed;
    t.equal(closeCode, expected);
    t.equal(reason, expected === 3001 ? "enough" : "");
  }
});

test("rule 13: cancel in a flood ends it", async (t) => {
  const { socket, reader } = await t.open(`/flood?id=${t.id()}`);
  await reader.read();
  await reader.cancel(new t.WebSocketError("", { closeCode: 3002 }));
  // The flood may notice behind what it had under way, and be through with writing by then.
  await Promise.race([
    socket.closed.catch(() => {}),
    t.sleep(15_000).then(() => Promise.reject(new Error("it goes on"))),
  ]);
});

test(
  "rule 11: not reading makes the server wait",
  async (t) => {
    const id = t.id();
    const { socket, reader } = await t.open(`/flood?id=${id}&size=16384`);
    let before = -1;
    let pushed = await t.meter(id);
    for (let same = 0; same < 5; same = pushed === before ? same + 1 : 0) {
      before = pushed;
      await t.sleep(100);
      pushed = await t.meter(id);
      t.ok(pushed < 64 << 20, "the flood is held back");
    }
    // With credits: the window, the server's own high water mark, a message at each place. Natively, the kernel's too.
    const most = t.hasCredits ? 1 << 20 : 32 << 20;
    t.ok(pushed <= most, `${pushed} bytes are at most ${most}`);
    t.figure = `${pushed} bytes pushed`;
    for (let number = 0; number < 200; number += 1) t.equal(numberOf((await reader.read()).value), number);
    t.ok((await t.meter(id)) > pushed, "reading lets the server go on");
    reader.cancel().catch(() => {});
    socket.close();
  },
  ["native", "credits", "session"],
);

test("hole: a ping behind unread messages is answered", async (t) => {
  const id = t.id();
  const { reader, writer } = await t.open(`/ping?id=${id}&count=10`);
  await t.meterShows(id, 1);
  for (let number = 0; number < 10; number += 1) t.equal((await reader.read()).value, String(number));
  await writer.write("and it lives on");
  t.equal((await reader.read()).value, "and it lives on");
});

test("messages can be iterated", async (t) => {
  const socket = t.connect("/push?count=5&code=1000");
  const { readable } = await socket.opened;
  const seen = [];
  for await (const message of /** @type {any} */ (readable)) seen.push(message);
  t.equal(seen, ["0", "1", "2", "3", "4"]);
});

/** @param {any} value */
function numberOf(value) {
  const view = new DataView(value.buffer, value.byteOffset);
  return view.getUint32(0) * 2 ** 32 + view.getUint32(4);
}
