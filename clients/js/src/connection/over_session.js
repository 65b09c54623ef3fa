import { Credited } from "../websocket/carrier/credited.js";
import { LOST } from "../websocket/carrier.js";
import { Line } from "./line.js";
import { Session } from "../session/machine.js";
import { listen } from "./lifecycle.js";

/**
 * A session by `tidegate.v1`, over whatever carries it: the credit machine as on a WebSocket, its batches going into
 * the session.
 *
 * @implements {Carrier}
 * @typedef {import("../websocket/carrier.js").Carrier} Carrier
 *
 * @typedef {object} SessionRequest
 * @property {string} url
 * @property {string[]} protocols
 * @property {import("../platform.js").Platform} platform
 * @property {import("../websocket/choice.js").CreditSettings} credits
 * @property {import("../transport/names.js").TransportName[]} transports
 * @property {(transport: import("../transport/names.js").TransportName | "") => void} onTransport
 */
export class OverSession {
  #request;
  #events;
  #session;
  #line;
  /** Once it is attached for the first time. @type {Credited | undefined} */
  #credited;
  #stopListening;

  /** @param {SessionRequest} request @param {import("../websocket/carrier.js").CarrierEvents} events */
  constructor(request, events) {
    this.#request = request;
    this.#events = events;
    this.#session = new Session({
      onFrames: (frames) => {
        this.#credited?.received(frames);
        this.#line.received();
      },
      onAcknowledged: () => {
        this.#credited?.look();
        this.#line.acknowledged();
      },
    });
    this.#line = new Line(this.#session, request, {
      onAttached: (transport) => this.#attached(transport),
      onDetached: () => {
        this.#credited?.detached();
        request.onTransport("");
      },
      onOver: (how, status) => this.#over(how, status),
    });
    this.#stopListening = listen({
      onWoken: () => this.#line.probe(true),
      onShown: () => this.#line.probe(false),
      onLeft: () => this.#leave(),
    });
  }

  /** @param {string | Uint8Array} data */
  send(data) {
    return this.#credited?.send(data);
  }

  /** Of which message is all the same. */
  taken() {
    this.#credited?.taken();
  }

  closing() {
    this.#credited?.closing();
  }

  /** @param {import("../websocket/close_info.js").CloseInfo} info */
  close(info) {
    this.#credited?.close(info);
  }

  fail() {
    this.#credited?.fail();
    this.#line.stop();
    this.#stopListening();
  }

  /** @param {import("../transport/names.js").TransportName} transport */
  #attached(transport) {
    const { platform, credits, protocols, onTransport } = this.#request;
    onTransport(transport);
    if (this.#credited) return this.#credited.attached();
    const { replay } = this.#session;
    const outlet = {
      get hasRoom() {
        return replay.hasRoom;
      },
      get isThrough() {
        return replay.isEmpty;
      },
      send: (/** @type {string | Uint8Array} */ batch) => {
        this.#session.push(/** @type {Uint8Array<ArrayBuffer>} */ (batch));
        this.#line.pump();
      },
      // `look` is called when the server has acknowledged something.
      whenRoom: () => {},
      renew: () => this.#line.renew(),
      stop: () => {},
    };
    const socket = { extensions: "", close: () => this.#finish() };
    this.#credited = new Credited(socket, platform, this.#events, { ...credits, offered: protocols }, outlet);
  }

  #finish() {
    this.#stopListening();
    this.#line.finish();
  }

  /** @param {"refused" | "over" | "gone"} how @param {number} [status] */
  #over(how, status) {
    this.#stopListening();
    this.#request.onTransport("");
    const reason = status ? `what was written was refused: ${status}` : NOT_RESUMED;
    /** @type {import("../websocket/carrier.js").End} */
    const end = how === "gone" ? { ...LOST, reason, resumed: false } : LOST;
    if (this.#credited) this.#credited.ended(end, how === "over" || this.#session.replay.isEmpty);
    else this.#events.onEnd(end);
  }

  /** As a browser does with a WebSocket whose page is left. */
  #leave() {
    this.#credited?.close({ closeCode: GOING_AWAY, reason: "" });
    this.#line.farewell();
  }
}

const NOT_RESUMED = "the session could not be resumed";

/** RFC 6455, section 7.4.1. */
const GOING_AWAY = 1001;
