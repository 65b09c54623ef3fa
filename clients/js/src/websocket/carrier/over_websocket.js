import { Classic } from "./classic.js";
import { Credited } from "./credited.js";
import { LOST } from "../carrier.js";
import { Outlet } from "../outlet.js";

/** From here on a message has an event of its own, whose buffer is the chunk's: a copy out of a batch costs more. */
const APART_BYTES = 32_768;

/** The subprotocol of docs/protocol.md. */
export const TIDEGATE = "tidegate.v1";

/**
 * A classic WebSocket: with credits, if they were offered and the server speaks them, else without.
 *
 * @implements {Carrier}
 * @typedef {import("../carrier.js").Carrier} Carrier
 */
export class OverWebSocket {
  #socket;
  #request;
  #events;
  /** What carries it once it is open. @type {Classic | Credited | undefined} */
  #carrier;
  #isGivenUp = false;

  /**
   * @param {import("../choice.js").Request} request
   * @param {import("../carrier.js").CarrierEvents} events
   */
  constructor(request, events) {
    this.#request = request;
    this.#events = events;
    const { url, protocols, credits, platform } = request;
    const socket = new platform.WebSocket(url, credits ? [TIDEGATE, ...protocols] : protocols);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => this.#opened());
    socket.addEventListener("message", ({ data }) => this.#carrier?.received(data));
    // `close` follows, but not in every runtime when the connection never opened.
    socket.addEventListener("error", () => this.#carrier || this.#failed());
    socket.addEventListener("close", (event) => (this.#carrier ? this.#carrier.ended(endOf(event)) : this.#failed()));
  }

  /** @param {string | Uint8Array} data */
  send(data) {
    return this.#carrier?.send(data);
  }

  /** @param {import("../chunk.js").Chunk} chunk */
  taken(chunk) {
    this.#carrier?.taken(chunk);
  }

  closing() {
    if (this.#carrier instanceof Credited) this.#carrier.closing();
  }

  /** @param {import("../close_info.js").CloseInfo} info */
  close(info) {
    this.#carrier?.close(info);
  }

  fail() {
    this.#isGivenUp = true;
    if (this.#carrier) this.#carrier.fail();
    else this.#socket.close();
  }

  #opened() {
    if (this.#isGivenUp) return;
    const { protocols, credits, platform } = this.#request;
    if (credits && this.#socket.protocol === TIDEGATE) {
      const settings = { ...credits, offered: protocols, apart: APART_BYTES };
      const outlet = new Outlet(this.#socket, platform);
      this.#carrier = new Credited(this.#socket, platform, this.#events, settings, outlet);
      return;
    }
    // Who asks for a protocol must get one; not every runtime sees to it.
    if ((credits || protocols.length > 0) && this.#socket.protocol === "") return this.#socket.close();
    this.#carrier = new Classic(this.#socket, platform, this.#events);
    this.#carrier.opened();
  }

  #failed() {
    if (!this.#isGivenUp) this.#events.onEnd(LOST);
  }
}

/** @param {CloseEvent} event @returns {import("../carrier.js").End} */
function endOf({ wasClean, code, reason }) {
  // Deno tells 0 where no Close came.
  if (code === 0 || code === LOST.closeCode) return LOST;
  return { isClean: wasClean, isClose: true, closeCode: code, reason: `${reason ?? ""}` };
}
