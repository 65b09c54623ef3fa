import { BROKEN } from "../transport/attachment.js";
import { attachEventStream } from "../transport/event_stream.js";
import { attachLongPoll } from "../transport/long_poll.js";
import { attachPoll } from "../transport/poll.js";
import { attachStream } from "../transport/http_stream.js";
import { attachWebSocket } from "../transport/websocket.js";
import { endSession } from "../transport/request.js";

/**
 * @type {Record<TransportName, (order: Order, events: import("../transport/attachment.js").AttachmentEvents) =>
 *   import("../transport/attachment.js").Attachment>}
 */
const TRANSPORTS = {
  websocket: attachWebSocket,
  stream: attachStream,
  sse: attachEventStream,
  "long-poll": attachLongPoll,
  poll: attachPoll,
};

/**
 * One transport that is tried, and what comes of it: an attachment, if the server attaches it.
 *
 * @typedef {import("../transport/names.js").TransportName} TransportName
 * @typedef {import("../transport/attachment.js").Order} Order
 * @typedef {import("../transport/attachment.js").Ending} Ending
 *
 * @typedef {object} AttemptEvents
 * @property {(attempt: Attempt, attached: import("../session/frames.js").Attached) => boolean} onAttached
 * @property {(attempt: Attempt, why: number) => void} onDetached
 * @property {(attempt: Attempt, ending: Ending) => void} onEnd last and once; not after `close`
 */
export class Attempt {
  name;
  /** Behind which frame the server was asked to go on. */
  askedFor = 0;
  /** When the server was last heard, by both clocks: the one may stand still while a machine sleeps. */
  #heard;
  #platform;
  #isClosed = false;
  /** Whether it opens a session, where it does not resume one. */
  #isOpening = false;
  #order;
  /** Set once it has lost, while it is waited for what it opens. @type {any} */
  #leaving;
  /** @type {import("../transport/attachment.js").Attachment | undefined} */
  #attachment;
  /** @type {import("../session/incoming.js").Incoming | undefined} */
  #incoming;

  /**
   * @param {TransportName} name
   * @param {Order} order
   * @param {import("../session/machine.js").Session} session
   * @param {AttemptEvents} events
   */
  constructor(name, order, session, events) {
    this.name = name;
    this.#platform = order.platform;
    this.#order = order;
    this.#heard = this.#clocks();
    const onEnd = (/** @type {Ending} */ ending) => {
      if (this.#isClosed) return;
      const hasLost = this.#leaving !== undefined;
      this.close();
      if (!hasLost) events.onEnd(this, ending);
    };
    const own = {
      onAttached: (/** @type {import("../session/frames.js").Attached} */ attached) => {
        if (this.#leaving !== undefined) this.#disown(attached.session);
        return !this.#isClosed && events.onAttached(this, attached);
      },
      onDetached: (/** @type {number} */ why) => this.#isClosed || events.onDetached(this, why),
    };
    const position = () => {
      // Whoever has lost must not take over the session of the winner.
      const asked = this.#leaving === undefined ? order.position() : { session: "", after: 0 };
      this.#isOpening = asked.session === "";
      this.askedFor = asked.after;
      return asked;
    };
    try {
      this.#attachment = TRANSPORTS[name](
        { ...order, position },
        {
          onBegin: () => {
            this.#incoming = session.incoming(/** @type {any} */ (own));
          },
          onBytes: (bytes) => this.#isClosed || this.#incoming?.receive(bytes),
          onHeard: () => {
            this.#heard = this.#clocks();
          },
          onEnd,
        },
      );
    } catch {
      // The runtime refuses to try, say `ws:` on a page of `https:`.
      this.#platform.setTimeout(() => onEnd(BROKEN), 0);
    }
  }

  /** Whether our frames go the same way. */
  get isTwoWay() {
    return this.#attachment?.send !== undefined;
  }

  /** For how much longer than it may be nothing has come, in milliseconds; negative if that is not yet. */
  get overdueMs() {
    return this.silentMs - (this.#attachment?.silenceMs ?? 0);
  }

  /** For how long nothing has come. */
  get silentMs() {
    const now = this.#clocks();
    return Math.max(now.steady - this.#heard.steady, now.wall - this.#heard.wall);
  }

  /** @param {Uint8Array<ArrayBuffer>} frames */
  send(frames) {
    this.#attachment?.send?.(frames);
  }

  /** Something was posted. */
  nudge() {
    this.#attachment?.nudge?.();
  }

  /** Another has won. If this one opens a session, it does not leave it behind. */
  leave() {
    if (!this.#isOpening) return this.close();
    if (!this.#isClosed) this.#leaving = this.#platform.setTimeout(() => this.close(), LEAVE_MS);
  }

  close() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#platform.clearTimeout(this.#leaving);
    this.#attachment?.close();
  }

  /** @param {string} session that it has opened, and nobody wants */
  #disown(session) {
    this.close();
    endSession(this.#order, session);
  }

  #clocks() {
    return { steady: this.#platform.now(), wall: Date.now() };
  }
}

/** How long a session is kept to which nobody says HELLO (docs/sessions.md, section 5). */
const LEAVE_MS = 10_000;
