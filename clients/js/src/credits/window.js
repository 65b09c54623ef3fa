import { MESSAGE_COST } from "./frame.js";
import { Violation } from "./violation.js";

/**
 * What comes: what the peer may send, and what it is granted as messages are read (docs/protocol.md, section 4).
 *
 * @typedef {object} Grant
 * @property {number} limit
 * @property {number} ack
 */
export class Window {
  /** What the peer has been granted, as a total. */
  limit;
  #window;
  #maxWindow;
  /** Cost of what came, and of what of it was read. */
  #received = 0;
  #read = 0;
  /** Whole messages read. */
  #ack = 0;
  #tellAck = 0;
  /** The costs of the messages that came whole and were not read, in order. @type {number[]} */
  #costs = [];
  #first = 0;
  /** The cost of the message that is coming. */
  #coming = 0;
  #lastGrant;

  /** @param {number} window @param {number} maxWindow @param {number} now */
  constructor(window, maxWindow, now) {
    this.limit = window;
    this.#window = window;
    this.#maxWindow = maxWindow;
    this.#lastGrant = now;
  }

  /** How many messages came whole and were not read. */
  get unread() {
    return this.#costs.length - this.#first;
  }

  /** A message begins to come. */
  begin() {
    if (this.#received >= this.limit) throw new Violation("no credit");
    this.#coming = 0;
    this.#charge(MESSAGE_COST);
  }

  /** More of its payload has come. @param {number} payloadBytes */
  more(payloadBytes) {
    this.#charge(payloadBytes);
  }

  /** It is whole. */
  complete() {
    this.#costs.push(this.#coming);
  }

  /** The peer has given it up, so nobody will read it. */
  giveUp() {
    this.#read += this.#coming;
  }

  /**
   * The oldest message has been read.
   *
   * @param {number} now milliseconds
   * @param {number} roundTrip 0 while none is known
   * @returns {Grant | undefined} what is due now
   */
  read(now, roundTrip) {
    this.#read += this.#shift();
    this.#ack += 1;
    if (2 * (this.#read + this.#window - this.limit) < this.#window) return undefined;
    const isFast = now - this.#lastGrant < Math.max(GROW_WITHIN_MS, 2 * roundTrip);
    if (isFast) this.#window = Math.max(this.#window, Math.min(2 * this.#window, this.#maxWindow));
    this.#lastGrant = now;
    this.limit = this.#read + this.#window;
    return this.#grant();
  }

  /** Tells what was read since the last grant, if anything was. @param {number} now @param {number} age */
  acknowledge(now, age) {
    if (this.#ack === this.#tellAck || now - this.#lastGrant < age) return undefined;
    this.#lastGrant = now;
    return this.#grant();
  }

  /** @returns {Grant} */
  #grant() {
    this.#tellAck = this.#ack;
    return { limit: this.limit, ack: this.#ack };
  }

  /** @param {number} units */
  #charge(units) {
    this.#coming += units;
    this.#received += units;
  }

  #shift() {
    const cost = this.#costs[this.#first] ?? 0;
    this.#first += 1;
    if (this.#first === this.#costs.length) {
      this.#costs.length = 0;
      this.#first = 0;
    } else if (this.#first >= 1024 && this.#first * 2 > this.#costs.length) {
      this.#costs = this.#costs.slice(this.#first);
      this.#first = 0;
    }
    return cost;
  }
}

/** A grant that is due so soon after the one before doubles the window, however short the round trip. */
const GROW_WITHIN_MS = 50;
