import { test } from "./harness.js";

test("rule 1: arguments of the wrong type", (t) => {
  const make = /** @type {any} */ (t.WebSocketStream);
  t.throws(() => new make(), "TypeError");
  t.throws(() => new make("ws://127.0.0.1:1", true), "TypeError");
  t.throws(() => new make("ws://127.0.0.1:1", { protocols: "chat" }), "TypeError");
  t.throws(() => new make("ws://127.0.0.1:1", { signal: "now" }), "TypeError");
  t.throws(() => make("ws://127.0.0.1:1"), "TypeError");
});

test("rule 2: the URL is judged at once and rewritten", (t) => {
  const url = (/** @type {string | URL} */ given) => {
    const socket = new t.WebSocketStream(given, { signal: AbortSignal.abort() });
    return socket.url;
  };
  t.equal(url("http://127.0.0.1:1/x?y"), "ws://127.0.0.1:1/x?y");
  t.equal(url("https://127.0.0.1:1"), "wss://127.0.0.1:1/");
  t.equal(url(new URL("wss://127.0.0.1:1/ä")), "wss://127.0.0.1:1/%C3%A4");
  for (const bad of [
    "ftp://127.0.0.1/",
    "ws://127.0.0.1/#",
    "ws://127.0.0.1/#f",
    "http://127.0.0.1/#",
    "ws://",
    "mailto:x",
  ]) {
    t.throws(() => url(bad), "SyntaxError");
  }
});

test("rule 3: protocols are tokens, none twice", (t) => {
  for (const protocols of [[""], ["a b"], ["a", "a"], ["a", "A"], ["é"], ["tidegate.v9"]]) {
    t.throws(() => t.connect("/echo", { protocols }), "SyntaxError");
  }
});

test("rule 4: a signal that was aborted before", async (t) => {
  const reason = { why: "not today" };
  const socket = t.connect("/echo", { signal: AbortSignal.abort(reason) });
  t.ok((await socket.opened.catch((error) => error)) === reason, "opened rejects with the reason");
  t.ok((await socket.closed.catch((error) => error)) === reason, "closed rejects with the reason");
  const signal = AbortSignal.abort();
  t.throws(() => new t.WebSocketStream("nonsense:", { signal }), "SyntaxError");
});

test("rule 5: a signal while connecting, and after", async (t) => {
  const controller = new AbortController();
  const socket = t.connect("/sleep?ms=1000", { signal: controller.signal });
  await t.sleep(50);
  const reason = new Error("enough");
  controller.abort(reason);
  t.ok((await socket.opened.catch((error) => error)) === reason, "opened rejects with the reason");
  t.ok((await socket.closed.catch((error) => error)) === reason, "closed rejects with the reason");

  const late = new AbortController();
  const { reader, writer } = await t.open("/echo", { signal: late.signal });
  late.abort();
  await writer.write("still there");
  t.equal((await reader.read()).value, "still there");
});

test("rule 6: a protocol that was asked for must be selected", async (t) => {
  const { socket, protocol } = await t.open("/echo", { protocols: ["b", "a"] });
  t.equal(protocol, "b");
  socket.close();
  await neverOpens(t, t.connect("/no-protocol", { protocols: ["a"] }));
});

test(
  "credits are asked for by option or by protocol, and the page does not see them",
  async (t) => {
    for (const options of [
      { credits: true },
      { credits: undefined, protocols: ["tidegate.v1"] },
      { credits: { window: 1000 } },
    ]) {
      const { socket, reader, writer, protocol } = await t.open("/echo", options);
      t.equal(protocol, "");
      await writer.write("x".repeat(5000));
      t.equal(/** @type {any} */ ((await reader.read()).value).length, 5000);
      socket.close();
      t.equal((await socket.closed).closeCode, 1005);
    }
    const { protocol } = await t.open("/echo", { protocols: ["chat", "tidegate.v1"] });
    t.equal(protocol, "chat");
    t.throws(() => t.connect("/echo", { credits: { window: 0 } }), "RangeError");
  },
  ["credits"],
);

test("rule 7: opened gives two streams and two strings, by both its names", async (t) => {
  const socket = t.connect("/echo");
  t.ok(socket.opened === socket.connection, "connection is opened");
  const { readable, writable, protocol, extensions } = await socket.opened;
  t.ok(readable instanceof ReadableStream && writable instanceof WritableStream, "the streams are the platform's");
  t.equal(protocol, "");
  t.equal(typeof extensions, "string");
});

test("rule 8: what cannot be opened rejects both", async (t) => {
  await neverOpens(t, t.connect("/404"));
  const closing = t.connect("/sleep?ms=500");
  closing.close();
  await neverOpens(t, closing);
  await neverOpens(t, new t.WebSocketStream("ws://127.0.0.1:1/", t.options));
});

test("hole: nobody asks how it went, and nothing is unhandled", async (t) => {
  t.connect("/404");
  const { writer } = await t.open("/drop?count=0");
  await writer.write("go");
  t.connect("/sleep?ms=500").close();
  t.connect("/echo", { signal: AbortSignal.abort() });
  await t.sleep(300);
});

/** @param {import("./harness.js").Context} t @param {any} socket */
async function neverOpens(t, socket) {
  const opened = await t.rejects(socket.opened, "WebSocketError");
  t.equal(opened.closeCode, null);
  const closed = await t.rejects(socket.closed, "WebSocketError");
  t.equal(closed.closeCode, 1006);
  t.equal(closed.reason, "");
}
