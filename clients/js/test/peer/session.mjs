// The server's end of a session, for tests: written from docs/sessions.md alone, apart from the package. To the credit
// peer beside it, a session is a WebSocket like those of the `ws` package.
import { randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import { frame, framesOf, number } from "./frames.mjs";

const REPLAY_BYTES = 262_144;
const BATCH_BYTES = 131_072;
const [ATTACHED, ACK, DETACHED, PADDING, SKIP] = [0x08, 0x09, 0x0a, 0x0b, 0x0c];

/** How long a session without an attachment is kept. */
export const KEEP_MS = 60_000;

/** One session. @fires message, close */
export class PeerSession extends EventEmitter {
  id = randomBytes(18).toString("base64url");
  readyState = 1;
  /** How many of the client's frames have come. */
  received = 0;
  /** Frames of ours that are not acknowledged. @type {Buffer[]} */
  frames = [];
  acked = 0;
  /** @type {Attachment | undefined} */
  attachment;
  isPosting = false;
  /** What it was closed with. @type {{ code?: number, reason?: string } | undefined} */
  closing;
  #bytes = 0;
  /** @type {any} */
  #keep;
  #onGone;

  /** @param {(session: PeerSession) => void} onGone */
  constructor(onGone) {
    super();
    this.#onGone = onGone;
    this.detach();
  }

  /** Frames of ours to be sent. The credit peer holds itself to the client's window. @param {Buffer} batch */
  send(batch) {
    for (const { bytes } of split(batch)) {
      this.frames.push(bytes);
      this.#bytes += bytes.length;
    }
    this.attachment?.flush();
  }

  /** Whether there is something to send from here on, and the client has acknowledged enough. @param {number} position */
  next(position) {
    const parts = [];
    let bytes = 0;
    let before = this.frames.slice(0, position - this.acked).reduce((sum, { length }) => sum + length, 0);
    for (const part of this.frames.slice(position - this.acked)) {
      if (bytes + part.length > BATCH_BYTES || before >= REPLAY_BYTES) break;
      bytes += part.length;
      before += part.length;
      parts.push(part);
    }
    return { bytes: Buffer.concat(parts), count: parts.length };
  }

  /** @param {number} position */
  acknowledge(position) {
    if (position < this.acked) return;
    for (const { length } of this.frames.splice(0, position - this.acked)) this.#bytes -= length;
    this.acked = position;
    if (this.closing && this.frames.length === 0) this.#gone();
    this.attachment?.flush();
  }

  /** Frames of the client, of which so many lie before the first. @param {Buffer} bytes @param {number} from */
  take(bytes, from) {
    const parts = split(bytes);
    const fresh = parts.slice(Math.max(0, this.received - from));
    this.received = Math.max(this.received, from + parts.length);
    for (const { bytes } of fresh) this.emit("message", bytes, true);
  }

  /** What the client is told first in an attachment. @param {number} after */
  attached(after) {
    const parameter = (/** @type {number} */ id, /** @type {Buffer} */ value) => [id, value.length, value];
    const numbers = [this.received, after, KEEP_MS].flatMap((value, index) => parameter(index + 2, varint(value)));
    return frame(ATTACHED, ...parameter(1, Buffer.from(this.id)), ...numbers);
  }

  /** @param {Attachment} attachment */
  attach(attachment) {
    const older = this.attachment;
    this.attachment = attachment;
    older?.end(1);
    clearTimeout(this.#keep);
    attachment.flush();
  }

  /** Nothing carries it now. @param {Attachment} [attachment] */
  detach(attachment) {
    if (this.attachment !== attachment || this.readyState === 3) return;
    this.attachment = undefined;
    clearTimeout(this.#keep);
    this.#keep = setTimeout(() => this.terminate(), this.closing ? 10_000 : KEEP_MS);
  }

  /** Both ENDs were exchanged, or the client broke the protocol. @param {number} [code] @param {string} [reason] */
  close(code, reason) {
    if (this.closing) return;
    this.closing = code === undefined ? {} : { code, reason };
    this.readyState = 2;
    if (this.attachment) this.attachment.flush();
    else this.detach();
  }

  /** Lost. */
  terminate() {
    this.attachment?.cut();
    this.#gone();
  }

  #gone() {
    if (this.readyState === 3) return;
    this.readyState = 3;
    clearTimeout(this.#keep);
    this.#onGone(this);
    this.emit("close");
  }
}

/** What carries the server's flow now. */
export class Attachment {
  #session;
  #position;
  #way;
  #isOver = false;
  /** @type {any} */
  #padding;

  /**
   * @param {PeerSession} session
   * @param {number} after
   * @param {{ write: (bytes: Buffer, position: number) => void, end: (why?: number) => void, cut: () => void,
   *   isOnce?: boolean }} way `isOnce`: it ends when something was sent
   */
  constructor(session, after, way) {
    this.#session = session;
    this.#position = after;
    this.#way = way;
    way.write(session.attached(after), after);
    this.#padding = setInterval(() => way.write(frame(PADDING, Buffer.alloc(16)), this.#position), 15_000);
  }

  flush() {
    if (this.#isOver || this.#session.attachment !== this) return;
    let hasSent = false;
    if (this.#position < this.#session.acked) {
      this.#position = this.#session.acked;
      this.#way.write(frame(SKIP, this.#position), this.#position);
    }
    for (let next = this.#next(); next.count > 0; next = this.#next()) {
      this.#position += next.count;
      this.#way.write(next.bytes, this.#position);
      hasSent = true;
    }
    const { closing, acked, frames } = this.#session;
    if (closing && this.#position === acked + frames.length) this.end(3);
    else if (hasSent && this.#way.isOnce) this.end();
  }

  #next() {
    return this.#session.next(this.#position);
  }

  /** @param {number} [why] */
  end(why) {
    if (this.#isOver) return;
    this.over();
    if (why !== undefined) this.#way.write(frame(DETACHED, why), this.#position);
    this.#way.end(why);
  }

  cut() {
    this.over();
    this.#way.cut();
  }

  /** It has ended, by whomever. */
  over() {
    this.#isOver = true;
    clearInterval(this.#padding);
    this.#session.detach(this);
  }
}

/** Reads what a WebSocket brings: ACKs, and the client's flow. */
export class Uplink {
  #session;
  #position;
  #bytes = 0;
  #send;
  /** @type {any} */
  #timer;

  /** @param {PeerSession} session @param {(bytes: Buffer) => void} send */
  constructor(session, send) {
    this.#session = session;
    this.#position = session.received;
    this.#send = send;
  }

  /** @param {Buffer} batch */
  receive(batch) {
    for (const { type, payload, bytes } of split(batch)) {
      if (type === ACK) {
        this.#session.acknowledge(number(payload)[0]);
      } else if (type === SKIP) {
        this.#position = number(payload)[0];
        if (this.#position > this.#session.received) throw new Error("a gap");
      } else {
        this.#session.take(bytes, this.#position);
        this.#position += 1;
        this.#bytes += bytes.length;
      }
    }
    if (this.#bytes >= 65_536) this.ack();
    else if (this.#bytes > 0) this.#timer ??= setTimeout(() => this.ack(), 1000);
  }

  ack() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#bytes = 0;
    this.#send(frame(ACK, this.#session.received));
  }
}

/** @param {Buffer} batch */
function split(batch) {
  let at = 0;
  return framesOf(batch).map(({ type, payload }) => {
    const bytes = batch.subarray(at, at + 1 + varint(payload.length).length + payload.length);
    at += bytes.length;
    return { type, payload, bytes };
  });
}

/** @param {number} value */
function varint(value) {
  return frame(0, value).subarray(2);
}
