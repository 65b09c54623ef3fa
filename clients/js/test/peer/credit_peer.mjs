// The server's end of tidegate.v1 over the `ws` package, for tests: it holds the client to the protocol.
import { end, frame, framesOf, number, welcome } from "./frames.mjs";

const WINDOW = 262_144;

/** One connection. `read` and `write` are what an application would have. */
export class CreditPeer {
  /** Once our ping was answered. @type {Promise<void>} */
  ponged;
  #onPong = () => {};
  /** Anything that the client did wrong. @type {string | undefined} */
  broken;
  #socket;
  /**
   * What came: messages, then the END.
   * @type {{ message?: string | Buffer, end?: { code?: number, reason: string } }[]}
   */
  #queue = [];
  /** @type {(() => void)[]} */
  #readers = [];
  #received = 0;
  #limit = WINDOW;
  #read = 0;
  #ack = 0;
  #sent = 0;
  #granted = 0;
  /** From which length on the client wants binary messages apart. */
  #apart = Infinity;
  /** @type {(() => void)[]} */
  #writers = [];
  /** @type {{ isText: boolean, parts: Buffer[] } | undefined} */
  #partial;
  #isGreeted = false;
  #ended = false;
  #peerEnd = /** @type {{ code?: number, reason: string } | undefined} */ (undefined);

  /** @param {any} socket of `ws` @param {string} [protocol] */
  constructor(socket, protocol) {
    this.#socket = socket;
    this.ponged = new Promise((resolve) => {
      this.#onPong = () => resolve(undefined);
    });
    socket.send(Buffer.concat([welcome(WINDOW, protocol), frame(0x05, "p")]));
    socket.on("message", (/** @type {Buffer} */ data, /** @type {boolean} */ isBinary) =>
      this.#receive(data, isBinary),
    );
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#granted = Infinity;
      if (!this.#peerEnd) this.#put({ end: { code: 1006, reason: "" } });
      this.#wake();
    });
  }

  /** The next message, or the END. */
  async next() {
    while (this.#queue.length === 0) await new Promise((resolve) => this.#readers.push(() => resolve(undefined)));
    const next = /** @type {{ message?: string | Buffer, end?: any }} */ (this.#queue.shift());
    if (next.message !== undefined) this.#count(Buffer.byteLength(next.message) + 32);
    return next;
  }

  /** @param {string | Buffer} message */
  async write(message) {
    while (this.#sent >= this.#granted) await new Promise((resolve) => this.#writers.push(() => resolve(undefined)));
    if (this.#socket.readyState !== 1) throw new Error("closed");
    const isText = typeof message === "string";
    const bytes = Buffer.from(message);
    this.#sent += bytes.length + 32;
    if (!isText && bytes.length >= this.#apart && bytes.length <= 131_072) {
      for (const data of [frame(0x16), bytes, Buffer.alloc(0)]) this.#socket.send(data);
      return;
    }
    if (bytes.length <= 65_536) return this.#socket.send(frame(isText ? 0x10 : 0x11, bytes));
    for (let at = 0; at < bytes.length; at += 65_536) {
      const isLast = at + 65_536 >= bytes.length;
      const type = at === 0 ? (isText ? 0x12 : 0x13) : isLast ? 0x15 : 0x14;
      this.#socket.send(frame(type, bytes.subarray(at, at + 65_536)));
    }
  }

  /** @param {{ code?: number, reason?: string }} info */
  end(info) {
    if (this.#ended) return;
    this.#ended = true;
    this.#info = info;
    this.#socket.send(end(info));
    this.#closeIfOver();
  }

  #info = /** @type {{ code?: number, reason?: string }} */ ({});

  /** Grants as section 4 says, with a window that does not grow. @param {number} cost */
  #count(cost) {
    this.#read += cost;
    this.#ack += 1;
    if (2 * (this.#read + WINDOW - this.#limit) < WINDOW || this.#socket.readyState !== 1) return;
    this.#limit = this.#read + WINDOW;
    this.#socket.send(frame(0x03, this.#limit, this.#ack));
  }

  /** @param {Buffer} data @param {boolean} isBinary */
  #receive(data, isBinary) {
    try {
      if (!isBinary || data.length === 0 || data.length > 131_072) throw new Error("a bad batch");
      for (const { type, payload } of framesOf(data)) this.#frame(type, payload);
    } catch (error) {
      this.broken ??= String(error);
      this.#socket.close(1002, this.broken.slice(0, 100));
    }
  }

  /** @param {number} type @param {Buffer} payload */
  #frame(type, payload) {
    if (!this.#isGreeted) {
      if (type !== 0x01) throw new Error("no greeting");
      this.#isGreeted = true;
      const [version, parameters] = number(payload);
      if (version !== 1) throw new Error("a bad greeting");
      for (let rest = parameters; rest.length > 0;) {
        const [id, afterId] = number(rest);
        const [length, value] = number(afterId);
        if (id === 0x01) this.#granted = number(value)[0];
        if (id === 0x04) this.#apart = number(value)[0];
        rest = value.subarray(length);
      }
      return this.#wake();
    }
    if (type >= 0x10) return this.#message(type, payload);
    if (type === 0x03) {
      const limit = number(payload)[0];
      if (limit < this.#granted) throw new Error("limit shrunk");
      this.#granted = limit;
      this.#wake();
    } else if (type === 0x06) this.#onPong();
    else if (type === 0x05) this.#socket.send(frame(0x06, payload));
    else if (type === 0x07) {
      const code = payload.length > 0 ? payload.readUInt16BE() : undefined;
      this.#peerEnd = { ...(code === undefined ? {} : { code }), reason: payload.subarray(2).toString() };
      this.#put({ end: this.#peerEnd });
      this.#closeIfOver();
    }
  }

  /** @param {number} type @param {Buffer} payload */
  #message(type, payload) {
    if (this.#peerEnd) throw new Error("message after end");
    if (type < 0x14) {
      if (this.#partial) throw new Error("message inside message");
      if (this.#received >= this.#limit) throw new Error("no credit");
      this.#received += 32;
    }
    this.#received += payload.length;
    this.#partial ??= { isText: type === 0x10 || type === 0x12, parts: [] };
    this.#partial.parts.push(payload);
    if (type === 0x12 || type === 0x13 || type === 0x14) return;
    const { isText, parts } = this.#partial;
    this.#partial = undefined;
    const bytes = Buffer.concat(parts);
    this.#put({ message: isText ? bytes.toString() : bytes });
  }

  #closeIfOver() {
    if (this.#ended && this.#peerEnd) this.#socket.close(this.#info.code, this.#info.reason);
  }

  /** @param {{ message?: string | Buffer, end?: any }} next */
  #put(next) {
    this.#queue.push(next);
    for (const reader of this.#readers.splice(0)) reader();
  }

  #wake() {
    for (const writer of this.#writers.splice(0)) writer();
  }
}
