// A session over a bad network, seeded: answers that are lost, requests that come twice, attachments that break off
// anywhere and go on beside each other. Everything arrives once and in order both ways. On a failure the seed is told.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Session } from "../../src/session/machine.js";
import { frame } from "../peer/frames.mjs";
import { PeerSession, Attachment, Uplink } from "../peer/session.mjs";

const SEEDS = Number(globalThis.process.env.TIDEGATE_SEEDS ?? 400);
const STEPS = 300;

/** mulberry32. @param {number} seed */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The number that a frame carries. @param {Buffer} whole @returns {number[]} */
function numbersOf(whole) {
  const numbers = [];
  for (let at = 0; at < whole.length;) {
    const size = whole[at + 1] < 64 ? [2, whole[at + 1]] : [3, ((whole[at + 1] & 0x3f) << 8) | whole[at + 2]];
    numbers.push(whole.readUInt32BE(at + size[0]));
    at += size[0] + size[1];
  }
  return numbers;
}

/** A frame with this number, of some length. @param {number} number @param {number} length */
function numbered(number, length) {
  const payload = Buffer.alloc(4 + length);
  payload.writeUInt32BE(number);
  return frame(0x11, payload);
}

class World {
  #random;
  #client;
  #server;
  /** Attachments whose bytes are still coming. @type {any[]} */
  #lines = [];
  /** The one that the client has chosen. @type {any} */
  #current;
  /** POSTs under way: first to the server, then back. @type {any[]} */
  #posts = [];
  up = /** @type {number[]} */ ([]);
  down = /** @type {number[]} */ ([]);
  #pushed = 0;
  #sent = 0;
  most = 0;

  /** @param {number} seed */
  constructor(seed) {
    this.#random = generator(seed);
    this.#client = new Session({
      onFrames: (frames) => this.down.push(...numbersOf(Buffer.from(frames))),
      onAcknowledged: () => {},
    });
    this.#server = new PeerSession(() => {});
    this.#server.on("message", (/** @type {Buffer} */ bytes) => this.up.push(...numbersOf(bytes)));
  }

  /** @param {number} below */
  #pick(below) {
    return Math.floor(this.#random() * below);
  }

  step() {
    const choice = this.#pick(20);
    if (choice < 4) this.#push();
    else if (choice < 7) this.#send();
    else if (choice === 7) this.attach();
    else if (choice === 8) this.#cut();
    else if (choice < 13) this.#carry(true);
    else if (choice < 16) this.#carryUp();
    else this.#post(true);
    this.most = Math.max(this.most, this.#client.replay.bytes);
  }

  #push() {
    if (!this.#client.replay.hasRoom) return;
    const frames = Array.from({ length: 1 + this.#pick(3) }, () => numbered(this.#pushed++, this.#pick(9000)));
    this.#client.push(new Uint8Array(Buffer.concat(frames)));
    this.#pump();
  }

  #send() {
    if (this.#server.frames.length < 40) this.#server.send(numbered(this.#sent++, this.#pick(9000)));
  }

  /** Asks for an attachment. The server answers at once, its bytes come when they are carried. */
  attach() {
    const after = this.#client.received;
    if (after < this.#server.acked) return;
    this.#server.acknowledge(after);
    const line = {
      isTwoWay: this.#pick(2) === 0,
      bytes: Buffer.alloc(0),
      ups: /** @type {Buffer[]} */ ([]),
      isCut: false,
    };
    const write = (/** @type {Buffer} */ bytes) => {
      if (!line.isCut) line.bytes = Buffer.concat([line.bytes, bytes]);
    };
    const uplink = line.isTwoWay ? new Uplink(this.#server, write) : undefined;
    const attachment = new Attachment(this.#server, after, { write, end: () => {}, cut: () => {} });
    this.#server.attach(attachment);
    const incoming = this.#client.incoming({
      onAttached: (attached) => {
        this.#client.attached(attached);
        this.#current = line;
        const skip = this.#client.rewind(attached.received);
        if (line.isTwoWay && skip) line.ups.push(Buffer.from(skip));
        this.#pump();
        return true;
      },
      onDetached: () => {
        if (this.#current === line) this.#current = undefined;
      },
    });
    this.#lines.push(Object.assign(line, { uplink, attachment, incoming }));
  }

  #pump() {
    if (!this.#current?.isTwoWay) return;
    for (let batch = this.#client.replay.next(); batch; batch = this.#client.replay.next())
      this.#current.ups.push(Buffer.from(batch));
    if (this.#client.owedBytes > 5000) this.#current.ups.push(Buffer.from(this.#client.ack()));
  }

  /** Some bytes of some attachment come, of an older one as well. @param {boolean} isPartly */
  #carry(isPartly) {
    const line = this.#lines[this.#pick(this.#lines.length)];
    if (!line || line.bytes.length === 0) return;
    const count = isPartly ? 1 + this.#pick(line.bytes.length) : line.bytes.length;
    const chunk = line.bytes.subarray(0, count);
    line.bytes = line.bytes.subarray(count);
    line.incoming.receive(chunk);
    this.#pump();
  }

  #carryUp() {
    const line = this.#lines[this.#pick(this.#lines.length)];
    const batch = line?.ups.shift();
    if (batch && line.isTwoWay) line.uplink.receive(batch);
  }

  /** It breaks off: what was under way on it is lost. */
  #cut() {
    const index = this.#pick(this.#lines.length);
    const [line] = this.#lines.splice(index, 1);
    if (!line) return;
    line.isCut = true;
    line.attachment.over();
    if (this.#current === line) this.#current = undefined;
  }

  /** A POST begins, arrives, arrives once more, is lost, is answered. @param {boolean} isBad */
  #post(isBad) {
    const { replay } = this.#client;
    const post = this.#posts[this.#pick(this.#posts.length)];
    if (!post) {
      if (this.#current && !this.#current.isTwoWay)
        this.#posts.push({ ...replay.body(40_000), from: replay.acknowledged, position: this.#client.position() });
      return;
    }
    const fate = isBad ? this.#pick(4) : 3;
    if (fate === 0) return void this.#posts.splice(this.#posts.indexOf(post), 1);
    if (post.from <= this.#server.received) this.#server.take(Buffer.from(post.bytes), post.from);
    this.#server.acknowledge(post.position.received);
    if (fate === 1) return;
    this.#posts.splice(this.#posts.indexOf(post), 1);
    if (fate === 2 || this.#current?.isTwoWay) return;
    this.#client.acknowledged(this.#server.received);
    this.#client.told(post.position);
  }

  /** Everything goes well from now on. */
  drain() {
    while (this.#lines.length > 0) this.#cut();
    this.#posts = [];
    this.attach();
    for (let round = 0; round < 60; round += 1) {
      this.#carry(false);
      this.#carryUp();
      if (this.#lines.length > 0 && !this.#current?.isTwoWay) this.#post(false);
    }
    this.#cut();
    this.#server.removeAllListeners();
    this.#server.terminate();
    return { pushed: this.#pushed, sent: this.#sent };
  }
}

test(`${SEEDS} seeds: once and in order, both ways, in bounded memory`, () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    try {
      const world = new World(seed);
      world.attach();
      for (let step = 0; step < STEPS; step += 1) world.step();
      const { pushed, sent } = world.drain();
      assert.deepEqual(world.up, [...Array(pushed).keys()], "what the server got");
      assert.deepEqual(world.down, [...Array(sent).keys()], "what the client got");
      assert.ok(world.most <= 262_144 + 27_100, `${world.most} bytes were kept`);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : error}`);
    }
  }
});
