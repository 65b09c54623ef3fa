import { BATCH_BYTES, Machine } from "../../credits/machine.js";
import { Violation } from "../../credits/violation.js";
import { Deadlines } from "../../credits/deadlines.js";
import { LOST } from "../carrier.js";
import { maySend } from "../close_info.js";
import { Turn } from "../turn.js";

/**
 * A classic WebSocket that speaks `tidegate.v1`: both ends wait for each other's readers, and nothing behind a Close
 * is lost.
 *
 * @implements {Carrier}
 * @typedef {import("../carrier.js").Carrier} Carrier
 * @typedef {import("../outlet.js").Outlet} Outlet
 */
export class Credited {
  #socket;
  #outlet;
  #platform;
  #events;
  #machine;
  #deadlines;
  /** So that small messages which are written one after the other leave together. */
  #turn;
  #over = false;
  #isClosing = false;
  /** Whether the page cannot have done anything yet since it opened: an END may come with the greeting. */
  #isFresh = true;
  /** The write whose message has not left, or that left no room. @type {(() => void) | undefined} */
  #written;

  /**
   * @param {Pick<WebSocket, "close" | "extensions">} socket an open one, or what is as good
   * @param {import("../../platform.js").Platform} platform
   * @param {import("../carrier.js").CarrierEvents} events
   * @param {{ offered: string[], window: number, maxWindow: number, maxMessageBytes: number, apart?: number }} settings
   * @param {Pick<Outlet, "hasRoom" | "isThrough" | "send" | "whenRoom" | "stop"> & { renew?: () => boolean }} outlet
   *   `renew` is asked before the peer is given up: whether what carries the batches may be lost, and is done without
   *   now; then come `detached` and, once there is another, `attached`
   */
  constructor(socket, platform, events, settings, outlet) {
    this.#socket = socket;
    this.#outlet = outlet;
    this.#platform = platform;
    this.#events = events;
    this.#turn = new Turn(() => this.#pump());
    this.#deadlines = new Deadlines(platform, {
      onNoGreeting: () => this.#fail(new Violation("greeting too late")),
      onNoEnd: () => this.#giveUp(),
    });
    const machineEvents = {
      onWelcome: (/** @type {string} */ protocol) => this.#welcomed(protocol),
      onMessage: (/** @type {import("../chunk.js").Chunk} */ chunk) => events.onMessage(chunk),
    };
    this.#machine = new Machine(settings, machineEvents, platform.now());
    this.#deadlines.opened();
    this.#pump();
  }

  /** @param {string | ArrayBuffer | Uint8Array} data is not kept */
  received(data) {
    if (this.#over) return;
    try {
      if (typeof data === "string") throw new Violation("text batch");
      this.#machine.receive(data instanceof Uint8Array ? data : new Uint8Array(data), this.#platform.now());
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      return this.#fail(error);
    }
    this.#deadlines.heard();
    this.#pump();
    this.#answerEnd();
  }

  /**
   * The WebSocket has. What the peer's END told counts; without one, messages may be missing.
   *
   * @param {import("../carrier.js").End} end
   * @param {boolean} [hasArrived] whether the peer has what was sent
   */
  ended(end, hasArrived = true) {
    const { peerEnd } = this.#machine;
    if (!peerEnd) return this.#report({ ...end, isClean: false });
    const closeCode = peerEnd.closeCode ?? NO_STATUS;
    const { reason } = peerEnd;
    this.#report({ ...end, isClean: hasArrived && !this.#hasUnsent, isClose: true, closeCode, reason });
  }

  /** Nothing carries the batches, for now. */
  detached() {
    this.#deadlines.pause();
  }

  /** Something does, again. */
  attached() {
    this.#deadlines.resume();
  }

  /** There may be room again. */
  look() {
    this.#pump();
  }

  /** @param {string | Uint8Array} data */
  send(data) {
    this.#machine.send(data);
    // The first of a turn leaves at once, those behind it together.
    if (!this.#turn.isAsked || this.#machine.isSending || this.#machine.waitingBytes >= BATCH_BYTES) this.#pump();
    this.#turn.ask();
    if (this.#isReady) return undefined;
    return new Promise((/** @type {(value?: undefined) => void} */ resolve) => {
      this.#written = resolve;
    });
  }

  taken() {
    this.#machine.messageRead(this.#platform.now());
    this.#answerEnd();
    if (!this.#over && this.#machine.hasControl) this.#pump();
  }

  closing() {
    this.#isClosing = true;
    this.#pump();
  }

  /** @param {import("../close_info.js").CloseInfo} info */
  close(info) {
    // An answer tells the code and reason that came.
    this.#machine.end(this.#machine.peerEnd ?? info);
    this.#deadlines.ending();
    this.#pump();
  }

  fail() {
    this.#over = true;
    this.#tidy();
    this.#socket.close();
  }

  /** Whether the next message may be written. */
  get #isReady() {
    const hasCredit = this.#machine.hasCredit || this.#isClosing;
    return !this.#machine.isSending && hasCredit && this.#outlet.hasRoom;
  }

  /** Sends what may be sent, as far as there is room. */
  #pump() {
    if (this.#over) return;
    while (this.#outlet.hasRoom) {
      const batch = this.#machine.transmit(this.#platform.now());
      if (!batch) break;
      this.#outlet.send(batch);
    }
    if (this.#written && this.#isReady) {
      const resolve = this.#written;
      this.#written = undefined;
      resolve();
    }
    if (!this.#outlet.hasRoom) this.#outlet.whenRoom(() => this.#pump());
    if (this.#machine.isOver && this.#outlet.isThrough) this.#deadlines.over();
  }

  /** @param {string} protocol */
  #welcomed(protocol) {
    this.#deadlines.greeted();
    this.#platform.setTimeout(() => {
      this.#isFresh = false;
      this.#answerEnd();
    }, 0);
    this.#events.onOpen({ protocol, extensions: this.#socket.extensions ?? "" });
  }

  /** The peer has ended, and everything before that has been read: now it is our turn. */
  #answerEnd() {
    const { peerEnd, unread, ownEnd } = this.#machine;
    if (this.#over || this.#isFresh || !peerEnd || unread > 0 || ownEnd) return;
    const isWaiting = this.#written !== undefined;
    this.#written = undefined;
    this.#events.onEnding(isWaiting);
  }

  /** @param {Violation} violation */
  #fail(violation) {
    this.#machine.fail(violation);
    const last = this.#machine.transmit(this.#platform.now());
    if (last) this.#outlet.send(last);
    this.#socket.close(4002, violation.reason);
    this.#report({ isClean: false, isClose: false, closeCode: violation.closeCode, reason: violation.reason });
  }

  /** The peer takes too long: to end, or having ended, to close the WebSocket. */
  #giveUp() {
    const isDone = this.#machine.isOver && this.#outlet.isThrough;
    if (!isDone && this.#outlet.renew?.()) return;
    this.#closeSocket();
    this.ended(LOST, this.#outlet.isThrough);
  }

  #closeSocket() {
    const { closeCode, reason } = this.#machine.ownEnd ?? { closeCode: null, reason: "" };
    if (closeCode !== null && maySend(closeCode)) this.#socket.close(closeCode, reason);
    else this.#socket.close();
  }

  /** Whether a message that was accepted has not left. */
  get #hasUnsent() {
    return !this.#machine.endWasSent && (this.#machine.isSending || this.#machine.waitingBytes > 0);
  }

  /** @param {import("../carrier.js").End} end */
  #report(end) {
    if (this.#over) return;
    this.#over = true;
    this.#tidy();
    this.#events.onEnd(end);
  }

  #tidy() {
    this.#outlet.stop();
    this.#deadlines.stop();
    this.#turn.stop();
  }
}

/** An END without a code (RFC 6455 §7.1.5). */
const NO_STATUS = 1005;
