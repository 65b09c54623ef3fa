import { Assembler, isMessage } from "./assembler.js";
import {
  APART,
  BINARY,
  BLOCKED,
  CREDIT,
  END,
  MAX_BATCH_BYTES,
  PING,
  PONG,
  WELCOME,
  endFrame,
  frame,
  joined,
  numbersFrame,
} from "./frame.js";
import { endOf } from "./end.js";
import { helloFrame, welcomeOf } from "./greeting.js";
import { RoundTrip } from "./round_trip.js";
import { Sender } from "./sender.js";
import { Cursor } from "./varint.js";
import { Violation } from "./violation.js";
import { Window } from "./window.js";

/**
 * The client's end of `tidegate.v1` (docs/protocol.md), without input, output and clock: batches go in and out as
 * bytes, and the time is an argument. A method that throws a `Violation` has seen the peer break the protocol.
 *
 * @typedef {import("../websocket/close_info.js").CloseInfo} CloseInfo
 *
 * What it tells while a batch is received.
 * @typedef {object} MachineEvents
 * @property {(protocol: string) => void} onWelcome
 * @property {(chunk: import("../websocket/chunk.js").Chunk) => void} onMessage
 */
export class Machine {
  /** What the peer's END said, once it has come. @type {CloseInfo | undefined} */
  peerEnd;
  /** What ours says, once it is to be sent. @type {CloseInfo | undefined} */
  ownEnd;
  #events;
  #offered;
  #isWelcome = false;
  #wantsApart;
  #window;
  #assembler;
  #sender = new Sender();
  #roundTrip;
  /** The limits that were announced, and how often. */
  #announced = 1;
  #blockedAt = -1;
  #blocked = 0;
  #credits = 0;
  /** What is to be sent before messages. @type {Uint8Array[]} */
  #control = [];
  /** Frames of messages that wait for company. @type {Uint8Array[]} */
  #messages = [];
  #waitingBytes = 0;
  /** @type {import("./window.js").Grant | undefined} */
  #grant;
  /** @type {Uint8Array | undefined} */
  #pong;
  #endSent = false;
  /** How many messages came apart since a batch said that they would, or -1. */
  #apart = -1;

  /**
   * @param {{ offered: string[], window: number, maxWindow: number, maxMessageBytes: number, apart?: number }} settings
   *   `apart`: from which length on binary messages are to be WebSocket messages of their own; without it, never
   * @param {MachineEvents} events
   * @param {number} now milliseconds
   */
  constructor({ offered, window, maxWindow, maxMessageBytes, apart }, events, now) {
    this.#wantsApart = apart !== undefined;
    this.#offered = offered;
    this.#events = events;
    this.#window = new Window(window, maxWindow, now);
    this.#assembler = new Assembler(this.#window, maxMessageBytes);
    this.#roundTrip = new RoundTrip();
    this.#control.push(helloFrame(window, maxMessageBytes, apart), this.#roundTrip.ping(now));
  }

  get isWelcome() {
    return this.#isWelcome;
  }

  /** Whether both ENDs were exchanged. */
  get isOver() {
    return this.#endSent && this.peerEnd !== undefined;
  }

  get endWasSent() {
    return this.#endSent;
  }

  /** How many whole messages came and were not read. */
  get unread() {
    return this.#window.unread;
  }

  /** Whether the message that was given to `send` has not been put into a batch whole. */
  get isSending() {
    return this.#sender.isBusy;
  }

  /** Whether another message may begin. */
  get hasCredit() {
    return this.#sender.hasCredit;
  }

  /** Whether there is something to send that does not wait for credit. */
  get hasControl() {
    return this.#control.length > 0 || this.#grant !== undefined || this.#pong !== undefined;
  }

  /** Bytes that wait for the next batch. */
  get waitingBytes() {
    return this.#waitingBytes;
  }

  /** @param {Uint8Array} batch @param {number} now */
  receive(batch, now) {
    if (batch.length > MAX_BATCH_BYTES) throw new Violation("batch too large");
    if (this.#apart >= 0) return this.#receiveApart(batch);
    if (batch.length === 0) throw new Violation("empty batch");
    const cursor = new Cursor(batch);
    while (!cursor.isAtEnd) {
      const type = cursor.byte();
      if (!isKnown(type) && !(type === APART && this.#wantsApart)) throw new Violation("reserved frame type");
      this.#receiveFrame(type, cursor.take(cursor.varint()), now);
      if (this.#apart === 0 && !cursor.isAtEnd) throw new Violation("bad apart");
    }
  }

  /** A whole message of the application, or, being empty, the end of such. @param {Uint8Array} message */
  #receiveApart(message) {
    if (message.length > 0) {
      this.#apart += 1;
      return this.#receiveMessage(BINARY, message);
    }
    if (this.#apart === 0) throw new Violation("bad apart");
    this.#apart = -1;
  }

  /** @param {number} now */
  messageRead(now) {
    const grant = this.#window.read(now, this.#roundTrip.shortest);
    if (grant) this.#announced += 1;
    this.#grant = grant ?? (this.peerEnd && this.#window.acknowledge(now, ACK_AGE_MS)) ?? this.#grant;
  }

  /** Takes a message, when `isSending` is false. @param {string | Uint8Array} data is copied */
  send(data) {
    this.#sender.take(data);
    this.#begin();
  }

  /** Nothing is sent behind this. @param {CloseInfo} info */
  end(info) {
    this.#sender.drop();
    this.ownEnd ??= info;
  }

  /** Ends because of what the peer did: at once, even inside a message. @param {Violation} violation */
  fail({ closeCode, reason }) {
    if (this.#endSent) return;
    this.ownEnd = { closeCode, reason };
    this.#endSent = true;
    this.#messages.push(endFrame(this.ownEnd));
  }

  /** The next batch to send. @param {number} now @returns {Uint8Array<ArrayBuffer> | undefined} */
  transmit(now) {
    this.#begin();
    const frames = this.#controlFrames(now);
    frames.push(...this.#messages);
    this.#messages = [];
    this.#waitingBytes = 0;
    if (this.ownEnd && !this.#sender.isBusy && !this.#endSent && this.#isWelcome) {
      this.#endSent = true;
      frames.push(endFrame(this.ownEnd));
    }
    return frames.length > 0 ? joined(frames) : undefined;
  }

  /** Puts what may be sent of the message into the next batch, as far as there is room in it. */
  #begin() {
    if (!this.#isWelcome || this.#endSent || this.#waitingBytes >= BATCH_BYTES) return;
    const part = this.#sender.next();
    if (part) {
      this.#waitingBytes += part.length;
      this.#messages.push(part);
    }
  }

  /** @param {number} now */
  #controlFrames(now) {
    const frames = this.#control;
    this.#control = [];
    if (this.#pong) frames.push(frame(PONG, this.#pong));
    this.#pong = undefined;
    if (this.#grant) {
      frames.push(numbersFrame(CREDIT, [this.#grant.limit, this.#grant.ack]));
      this.#grant = undefined;
      if (this.#roundTrip.isStale(now)) frames.push(this.#roundTrip.ping(now));
    }
    const blocked = this.#sender.blocked();
    if (blocked) frames.push(blocked);
    return frames;
  }

  /** @param {number} type @param {Uint8Array} payload @param {number} now */
  #receiveFrame(type, payload, now) {
    if (type === WELCOME) return this.#receiveWelcome(payload);
    if (!this.#isWelcome || type < WELCOME) throw new Violation("no greeting");
    if (isMessage(type)) return this.#receiveMessage(type, payload);
    switch (type) {
      case APART:
        if (payload.length > 0) throw new Violation("bad control frame");
        if (this.peerEnd) throw new Violation("message after end");
        this.#apart = 0;
        return;
      case CREDIT:
        return this.#receiveCredit(payload);
      case BLOCKED:
        return this.#receiveBlocked(payload);
      case PING:
        return this.#receivePing(payload);
      case PONG:
        if (payload.length > MAX_PING_BYTES) throw new Violation("bad control frame");
        return this.#roundTrip.pong(payload, now);
      default:
        return this.#receiveEnd(payload);
    }
  }

  /** @param {Uint8Array} payload */
  #receiveWelcome(payload) {
    if (this.#isWelcome) throw new Violation("second greeting");
    const welcome = welcomeOf(payload, this.#offered);
    this.#isWelcome = true;
    this.#sender.welcome(welcome);
    this.#events.onWelcome(welcome.protocol);
  }

  /** @param {number} type @param {Uint8Array} payload */
  #receiveMessage(type, payload) {
    if (this.peerEnd) throw new Violation("message after end");
    const chunk = this.#assembler.add(type, payload);
    if (chunk !== undefined) this.#events.onMessage(chunk);
  }

  /** @param {Uint8Array} payload */
  #receiveCredit(payload) {
    const [limit, ack] = numbersOf(payload, 2);
    this.#credits += 1;
    if (this.#credits > SPARE_CREDITS + this.#sender.frames) throw new Violation("too many credits");
    this.#sender.credit(limit, ack);
  }

  /** @param {Uint8Array} payload */
  #receiveBlocked(payload) {
    const [at] = numbersOf(payload, 1);
    this.#blocked += 1;
    const isBad = at > this.#window.limit || at <= this.#blockedAt || this.#blocked > this.#announced;
    if (isBad) throw new Violation("bad blocked");
    this.#blockedAt = at;
  }

  /** @param {Uint8Array} payload */
  #receivePing(payload) {
    if (payload.length > MAX_PING_BYTES) throw new Violation("bad control frame");
    if (this.#pong) throw new Violation("second ping");
    this.#pong = payload.slice();
  }

  /** @param {Uint8Array} payload */
  #receiveEnd(payload) {
    if (this.peerEnd) throw new Violation("second end");
    this.peerEnd = endOf(payload, this.#assembler.isInside);
    this.#assembler.giveUp();
  }
}

/** As many small messages as come at a time are sent in one batch of about this size. */
export const BATCH_BYTES = 32 * 1024;

/** How old an acknowledgement may be while the peer waits for our END. */
const ACK_AGE_MS = 1000;

/** How many CREDITs may come beyond one for each frame of a message. */
const SPARE_CREDITS = 64;

const MAX_PING_BYTES = 8;

/** @param {number} type */
function isKnown(type) {
  return (type >= 0x01 && type <= END) || isMessage(type);
}

/** The fields of a control frame. @param {Uint8Array} payload @param {number} count */
function numbersOf(payload, count) {
  const cursor = new Cursor(payload);
  /** @type {number[]} */
  const numbers = [];
  try {
    while (numbers.length < count) numbers.push(cursor.varint());
  } catch (error) {
    if (error instanceof Violation && error.message.endsWith("cut frame")) throw new Violation("bad control frame");
    throw error;
  }
  if (!cursor.isAtEnd) throw new Violation("bad control frame");
  return numbers;
}
