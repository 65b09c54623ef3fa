import { Incoming } from "./incoming.js";
import { ACK, SKIP, positionFrame } from "./frames.js";
import { Replay } from "./replay.js";
import { Violation } from "../credits/violation.js";

/**
 * The client's end of a session (docs/sessions.md), without input, output and clock: two flows of frames, counted,
 * so that whatever carries them nothing is lost and nothing comes twice. What it carries is opaque to it: the frames
 * of `tidegate.v1`, which `credits/machine.js` makes and reads.
 *
 * @typedef {object} SessionEvents
 * @property {(frames: Uint8Array) => void} onFrames whole frames of the server's flow, each once and in order
 * @property {() => void} onAcknowledged fewer of our frames are kept now
 */
export class Session {
  /** Which one it is; empty before the first ATTACHED. It is a secret. */
  id = "";
  /** How long the server keeps it without an attachment. */
  keepMs = 60_000;
  /** How many frames of the server's flow have come. */
  received = 0;
  /** Our own flow. */
  replay = new Replay();
  #events;
  #receivedBytes = 0;
  /** What of the server's flow it knows that we have. */
  #told = { received: 0, bytes: 0 };

  /** @param {SessionEvents} events */
  constructor(events) {
    this.#events = events;
  }

  /** How many bytes have come that the server does not know of. */
  get owedBytes() {
    return this.#receivedBytes - this.#told.bytes;
  }

  /** Whether frames have come that the server does not know of. */
  get owes() {
    return this.received > this.#told.received;
  }

  /** What an acknowledgement would tell now. */
  position() {
    return { received: this.received, bytes: this.#receivedBytes };
  }

  /** The server knows this much. @param {{ received: number, bytes: number }} position */
  told(position) {
    if (position.received > this.#told.received) this.#told = position;
  }

  /** ACK, for a WebSocket. */
  ack() {
    this.#told = this.position();
    return positionFrame(ACK, this.received);
  }

  /**
   * A WebSocket begins to carry our flow: all that is kept goes again.
   *
   * @param {number} from from where the server counts
   * @returns {Uint8Array<ArrayBuffer> | undefined} SKIP, to be sent first, where the flow is further on: an answer to a
   *   POST may have come meanwhile
   */
  rewind(from) {
    this.replay.rewind();
    return this.replay.acknowledged > from ? positionFrame(SKIP, this.replay.acknowledged) : undefined;
  }

  /** Sends frames, sooner or later. @param {Uint8Array<ArrayBuffer>} frames */
  push(frames) {
    this.replay.push(frames);
  }

  /** The server has so many of our frames. @param {number} position */
  acknowledged(position) {
    if (this.replay.acknowledge(position)) this.#events.onAcknowledged();
  }

  /**
   * What is to read one attachment, from its first byte.
   *
   * @param {import("./incoming.js").IncomingEvents} events
   */
  incoming(events) {
    return new Incoming(this, events);
  }

  /**
   * The server's first frame in an attachment. That it has fewer of our frames than we know of is no fault: the answer
   * to a POST may have come meanwhile.
   *
   * @param {import("./frames.js").Attached} attached
   */
  attached({ session, received, after, keepMs }) {
    const isOther = this.id !== "" && session !== this.id;
    if (isOther || after > this.received) throw new Violation("bad parameter");
    this.id = session;
    this.keepMs = keepMs;
    this.acknowledged(received);
  }

  /** Frames that have not come before. @param {Uint8Array} frames @param {number} count */
  deliver(frames, count) {
    this.received += count;
    this.#receivedBytes += frames.length;
    this.#events.onFrames(frames);
  }
}
