// Uploads to a peer that does what networks and servers do.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { TusPeer } from "../peer/tus.mjs";
import { UploadError, discard, upload } from "../../src/upload.js";

const MIB = 1024 * 1024;
/** The pauses are asked for, and not made. @type {{ platform: any }} */
const IMPATIENT = {
  platform: {
    setTimeout: (/** @type {() => void} */ run, /** @type {number} */ ms) => setTimeout(run, ms >= 30_000 ? ms : 0),
  },
};

/** @param {import("node:test").TestContext} t */
async function start(t) {
  const peer = await new TusPeer().listen();
  t.after(() => peer.close());
  return peer;
}

/** @param {Uint8Array} bytes */
function hash(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A store that can be looked into. */
function memory() {
  const map = /** @type {Map<string, string>} */ (new Map());
  const store = {
    get: (/** @type {string} */ key) => map.get(key),
    set: (/** @type {string} */ key, /** @type {string} */ value) => map.set(key, value),
    delete: (/** @type {string} */ key) => map.delete(key),
  };
  return { map, store };
}

/** @param {Promise<unknown>} promise @returns {Promise<any>} */
function failure(promise) {
  return promise.then(
    (value) => assert.fail(`it went well: ${JSON.stringify(value)}`),
    (error) => error,
  );
}

test("a file goes up, and is what it was", async (t) => {
  const peer = await start(t);
  const bytes = randomBytes(3 * MIB);
  const file = new File([bytes], "näme, with\nall.bin", { type: "video/x", lastModified: 7 });
  const seen = /** @type {any[]} */ ([]);
  const begun = /** @type {any[]} */ ([]);
  const result = await upload(file, peer.url, {
    chunkSize: MIB,
    onprogress: (progress) => seen.push(progress),
    onbegin: (beginning) => begun.push(beginning),
  });
  assert.deepEqual(result, { url: `${peer.url}/1`, size: bytes.length });
  assert.equal(hash(peer.bytes(result.url)), hash(bytes));
  assert.deepEqual(peer.uploads.get("/uploads/1")?.metadata, { filename: "näme, with\nall.bin", filetype: "video/x" });
  assert.deepEqual(begun, [{ url: result.url, offset: 0, monitor: `${peer.origin}/channels/upload-1` }]);
  assert.deepEqual([...new Set(seen.map(({ durable }) => durable))], [0, MIB, 2 * MIB, 3 * MIB]);
  assert.ok(seen.every(({ durable, sent, total }) => durable <= sent && sent <= total && total === 3 * MIB));
  assert.equal(peer.count("PATCH"), 3);
});

test("an empty file goes up", async (t) => {
  const peer = await start(t);
  const { url, size } = await upload(new Blob(), peer.url);
  assert.deepEqual([size, peer.bytes(url).length, peer.seen], [0, 0, ["POST /uploads"]]);
});

test("what the server has is not sent again, however often it is cut", async (t) => {
  const peer = await start(t);
  const bytes = randomBytes(2 * MIB);
  peer.cutAfter = () => 1 + Math.floor(Math.random() * 200_000);
  let durable = 0;
  const onprogress = (/** @type {any} */ progress) => {
    assert.ok(progress.durable >= durable, "what is durable stays so");
    durable = progress.durable;
  };
  const options = { onprogress, chunkSize: 700_000, ...IMPATIENT };
  const { url } = await upload(new Blob([bytes]), peer.url, options);
  assert.equal(hash(peer.bytes(url)), hash(bytes));
  assert.equal(peer.received, bytes.length);
  assert.ok(peer.count("HEAD") >= 10, `${peer.count("HEAD")} cuts`);
});

test("it goes on after a pause, and after a page was left", async (t) => {
  const peer = await start(t);
  const { map, store } = memory();
  const bytes = randomBytes(MIB);
  const file = new File([bytes], "a", { lastModified: 7 });
  const control = new AbortController();
  const stop = ({ durable = 0 }) => durable >= 300_000 && control.abort(new Error("paused"));
  const options = { store, chunkSize: 100_000 };
  const paused = await failure(upload(file, peer.url, { ...options, signal: control.signal, onprogress: stop }));
  assert.equal(paused.message, "paused");
  assert.deepEqual([map.size, peer.count("DELETE")], [1, 0]);
  // Another object, as a page would have it.
  const same = new File([bytes], "a", { lastModified: 7 });
  const begun = /** @type {any[]} */ ([]);
  const { url } = await upload(same, peer.url, { ...options, onbegin: (beginning) => begun.push(beginning) });
  assert.ok(begun[0].offset >= 300_000, `${begun[0].offset}`);
  assert.deepEqual([peer.uploads.size, peer.received, map.size], [1, bytes.length, 0]);
  assert.equal(hash(peer.bytes(url)), hash(bytes));
  // Another file is another upload.
  await upload(new File([bytes], "a", { lastModified: 8 }), peer.url, options);
  assert.equal(peer.uploads.size, 2);
});

test("parts go side by side and are joined, and each goes on by itself", async (t) => {
  const peer = await start(t);
  const { map, store } = memory();
  const bytes = randomBytes(MIB + 1);
  const file = new File([bytes], "parts", { lastModified: 7 });
  const control = new AbortController();
  const stop = ({ durable = 0 }) => durable >= 400_000 && control.abort();
  const options = { store, parallel: 3, chunkSize: 50_000 };
  await failure(upload(file, peer.url, { ...options, signal: control.signal, onprogress: stop }));
  assert.deepEqual([map.size, peer.uploads.size], [1, 3]);
  peer.cutAfter = () => 30_000;
  // Whatever is asked for now, there are three.
  const { url } = await upload(file, peer.url, { ...options, ...IMPATIENT, parallel: 1 });
  assert.equal(hash(peer.bytes(url)), hash(bytes));
  assert.deepEqual([peer.received, peer.uploads.size, map.size], [bytes.length, 4, 0]);
  assert.deepEqual(peer.uploads.get("/uploads/4")?.metadata, { filename: "parts" });
});

test("what passes is waited for", async (t) => {
  const peer = await start(t);
  const bytes = randomBytes(100_000);
  const answers = [423, 503, 409, 460, 429, 500, 502, 408];
  peer.weather = (request, response) => {
    if (request.method !== "PATCH" || answers.length === 0) return false;
    request.resume();
    response.writeHead(answers.shift() ?? 0, { "Retry-After": "2" }).end("not now\n");
    return true;
  };
  const waits = /** @type {[string, number][]} */ ([]);
  const onretry = (/** @type {Error} */ { message }, /** @type {number} */ ms) => waits.push([message, ms]);
  const { url } = await upload(new Blob([bytes]), peer.url, { ...IMPATIENT, onretry });
  assert.equal(hash(peer.bytes(url)), hash(bytes));
  assert.equal(waits.length, 8);
  assert.ok(waits.every(([message, ms]) => ms >= 2000 && message.endsWith("not now")), JSON.stringify(waits));
});

test("a server that falls silent is tried again", async (t) => {
  const peer = await start(t);
  const bytes = randomBytes(1000);
  let silences = 2;
  peer.weather = (request) => request.method === "PATCH" && silences-- > 0;
  const { url } = await upload(new Blob([bytes]), peer.url, { silence: 100, ...IMPATIENT, platform: undefined });
  assert.equal(hash(peer.bytes(url)), hash(bytes));
  assert.equal(peer.count("PATCH"), 3);
});

test("a request that stands still is given up, and nothing of it is sent again", async (t) => {
  const peer = await start(t);
  const bytes = randomBytes(4 * MIB);
  let still = 3;
  peer.isStill = true;
  peer.cutAfter = () => (still-- > 0 ? 100_000 : Infinity);
  const whys = /** @type {string[]} */ ([]);
  const onretry = (/** @type {Error} */ { message }) => whys.push(message);
  const { url } = await upload(new Blob([bytes]), peer.url, { silence: 500, onretry });
  assert.equal(hash(peer.bytes(url)), hash(bytes));
  assert.deepEqual(whys.slice(0, 3), Array(3).fill("nothing has moved for 0.5 s"));
  assert.equal(peer.received, bytes.length);
});

test("nobody waits for ever, unless that is asked for", async (t) => {
  const peer = await start(t);
  const times = /** @type {number[]} */ ([]);
  const platform = {
    setTimeout: (/** @type {() => void} */ run, /** @type {number} */ ms) => {
      times.push(ms);
      return setTimeout(run, ms);
    },
  };
  const file = new Blob([randomBytes(64 * 1024)]);
  await upload(file, peer.url, { platform, parallel: 2 });
  // Two parts are created and filled; the request that joins them may take longer, by what the server may copy.
  assert.deepEqual(times, [30_000, 30_000, 30_000, 30_000, 30_004]);
  times.length = 0;
  await upload(file, peer.url, { platform, silence: Infinity });
  assert.deepEqual(times, [2 ** 31 - 1, 2 ** 31 - 1]);
});

test("an upload that the server has lost begins anew, some times", async (t) => {
  const peer = await start(t);
  const bytes = randomBytes(1000);
  let losses = 2;
  const lose = (/** @type {any} */ request) => {
    if (request.method === "PATCH" && losses-- > 0) peer.uploads.clear();
    return false;
  };
  peer.weather = lose;
  const { url } = await upload(new Blob([bytes]), peer.url, IMPATIENT);
  assert.deepEqual([url, hash(peer.bytes(url))], [`${peer.url}/3`, hash(bytes)]);
  losses = Infinity;
  const error = await failure(upload(new Blob([bytes]), peer.url, IMPATIENT));
  assert.deepEqual([error.name, error.kind], ["UploadError", "gone"]);
});

test("an upload that is another one is not gone on with", async (t) => {
  const peer = await start(t);
  const { map, store } = memory();
  const file = new File([randomBytes(1000)], "a");
  const { url } = await upload(new Blob(["short"]), peer.url);
  const control = new AbortController();
  const options = { store, signal: control.signal, onbegin: () => control.abort() };
  await failure(upload(file, peer.url, options));
  for (const key of map.keys()) map.set(key, JSON.stringify({ parts: [url], joined: "" }));
  const result = await upload(file, peer.url, { store });
  assert.deepEqual([result.url, peer.bytes(result.url).length], [`${peer.url}/3`, 1000]);
});

test("errors say what went wrong", async (t) => {
  const peer = await start(t);
  const blob = new Blob(["some bytes"]);
  for (const status of [400, 401, 403, 404, 412, 413, 501, 507]) {
    peer.weather = (_, response) => void response.writeHead(status).end("no, said <someone>\n") ?? true;
    const error = await failure(upload(blob, peer.url));
    assert.ok(error instanceof UploadError);
    assert.deepEqual([error.kind, error.status], ["refused", status]);
    assert.match(error.message, /no, said <someone>/);
  }
  peer.weather = (_, response) => void response.writeHead(503).end() ?? true;
  const lost = await failure(upload(blob, peer.url, { patience: 1, silence: 1000 }));
  assert.deepEqual([lost.kind, lost.status], ["lost", 503]);
  const gone = await new TusPeer().listen();
  gone.close();
  const unreachable = await failure(upload(blob, gone.url));
  assert.deepEqual([unreachable.kind, unreachable.status], ["unreachable", 0]);
});

test("what is discarded is forgotten on both sides", async (t) => {
  const peer = await start(t);
  const { map, store } = memory();
  const file = new File([randomBytes(1000)], "a");
  const control = new AbortController();
  const options = { store, parallel: 2, onbegin: () => control.abort() };
  await failure(upload(file, peer.url, { ...options, signal: control.signal }));
  assert.deepEqual([map.size, peer.uploads.size], [1, 2]);
  await discard(file, peer.url, options);
  assert.deepEqual([map.size, peer.uploads.size, peer.count("DELETE")], [0, 0, 2]);
  await discard(file, peer.url, options);
  assert.equal(peer.count("DELETE"), 2);
});

test("what the application adds is asked for each time, and stays with its origin", async (t) => {
  const [peer, other] = [await start(t), await start(t)];
  let asked = 0;
  const headers = async () => ({ authorization: `token ${(asked += 1)}` });
  await upload(new Blob(["x"]), peer.url, { headers });
  assert.deepEqual([asked, peer.headers.authorization], [2, "token 2"]);
  peer.base = other.origin;
  other.uploads.set("/uploads/2", { pieces: [], length: 1, metadata: {} });
  const { url } = await upload(new Blob(["x"]), peer.url, { headers });
  assert.deepEqual([url, `${other.bytes(url)}`], [`${other.url}/2`, "x"]);
  assert.deepEqual([asked, other.headers.authorization], [3, undefined]);
});

test("what cannot work is told at once", async () => {
  const wrong = /** @type {any[][]} */ ([
    ["text", "http://localhost/"],
    [new Blob(), "ftp://localhost/"],
    [new Blob(), "/relative"],
    [new Blob(), "http://localhost/", { chunkSize: 0 }],
    [new Blob(), "http://localhost/", { parallel: "many" }],
  ]);
  for (const [file, url, options] of wrong) {
    assert.ok((await failure(upload(file, url, options))) instanceof TypeError);
  }
  const aborted = await failure(upload(new Blob(), "http://localhost/", { signal: AbortSignal.abort("no") }));
  assert.equal(aborted, "no");
});
