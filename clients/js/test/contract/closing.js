import { test } from "./harness.js";

const INVALID_CODES = [0, 999, 1001, 1005, 1006, 2999, 5000];

test("rule 21: what may be closed with, in every state", async (t) => {
  const socket = t.connect("/echo");
  const check = () => {
    for (const name of ["closeCode", "code"]) {
      for (const code of INVALID_CODES) t.throws(() => socket.close({ [name]: code }), "InvalidAccessError");
      for (const code of [70_000, -1, NaN, Infinity]) t.throws(() => socket.close({ [name]: code }), "TypeError");
    }
    t.throws(() => socket.close(/** @type {any} */ (true)), "TypeError");
    t.throws(() => socket.close(/** @type {any} */ ("bye")), "TypeError");
    t.throws(() => socket.close({ reason: "x".repeat(124) }), "SyntaxError");
    t.throws(() => socket.close({ reason: "é".repeat(62) }), "SyntaxError");
  };
  check();
  await socket.opened;
  check();
  socket.close({ closeCode: 1000 });
  check();
  await socket.closed;
  check();
});

test("rule 22: codes and reasons, by both names", async (t) => {
  const cases = [
    [undefined, 1005, ""],
    [{}, 1005, ""],
    [{ reason: "" }, 1005, ""],
    [{ reason: "so" }, 1000, "so"],
    [{ closeCode: 3456, reason: "pizza" }, 3456, "pizza"],
    [{ code: 4000, reason: "x" }, 4000, "x"],
    [{ code: 4000, closeCode: 4001 }, 4001, ""],
  ];
  for (const [given, expected, text] of cases) {
    const { socket } = await t.open("/echo");
    socket.close(/** @type {any} */ (given));
    const { closeCode, code, reason } = await socket.closed;
    t.equal([closeCode, code, reason], [expected, expected, text]);
  }
});

test("rule 23: closing again does nothing", async (t) => {
  const { socket } = await t.open("/echo");
  socket.close({ closeCode: 4001 });
  socket.close({ closeCode: 4002 });
  t.equal((await socket.closed).closeCode, 4001);
  socket.close({ closeCode: 4003 });
});

test("rule 25: WebSocketError", (t) => {
  const plain = new t.WebSocketError();
  t.ok(plain instanceof DOMException, "it is a DOMException");
  t.equal([plain.name, plain.code, plain.message, plain.closeCode, plain.reason], ["WebSocketError", 0, "", null, ""]);
  const full = new t.WebSocketError("why", { closeCode: 3000, reason: "r" });
  t.equal([full.message, full.closeCode, full.reason], ["why", 3000, "r"]);
  t.equal(new t.WebSocketError("", { reason: "r" }).closeCode, 1000);
  for (const closeCode of INVALID_CODES) t.throws(() => new t.WebSocketError("", { closeCode }), "InvalidAccessError");
  t.throws(() => new t.WebSocketError("", { reason: "🔌".repeat(31) }), "SyntaxError");
});

test("the samples of 2020 run as they stand", async (t) => {
  const WebSocketStream = bound(t);
  const received = [];
  const wss = new WebSocketStream(`${t.base}/echo`);
  const { readable, writable } = await wss.connection;
  const reader = readable.getReader();
  const writer = writable.getWriter();
  await writer.write("one");
  await writer.write("two");
  while (true) {
    const { value, done } = await reader.read();
    if (done) break;
    received.push(value);
    if (received.length === 2) wss.close({ code: 4000, reason: "Game over" });
  }
  const { code, reason } = await wss.closed;
  t.equal([received, code, reason], [["one", "two"], 4000, "Game over"]);

  const controller = new AbortController();
  const late = new WebSocketStream(`${t.base}/sleep?ms=1000`, { signal: controller.signal });
  setTimeout(() => controller.abort(), 50);
  t.equal((await late.connection.catch((/** @type {any} */ error) => error)).name, "AbortError");

  const { readable: source } = await new WebSocketStream(`${t.base}/push?count=3&code=1000`).connection;
  const { writable: sink, readable: back } = await new WebSocketStream(`${t.base}/echo`).connection;
  source.pipeTo(sink, { preventClose: true });
  const echoed = [];
  const echo = back.getReader();
  while (echoed.length < 3) echoed.push((await echo.read()).value);
  t.equal(echoed, ["0", "1", "2"]);
});

/** The class as a page sees it, which gives no options of the lane. @param {import("./harness.js").Context} t */
function bound(t) {
  return class extends /** @type {any} */ (t.WebSocketStream) {
    constructor(/** @type {string} */ url, options = {}) {
      super(url, { ...t.options, ...options });
    }
  };
}
