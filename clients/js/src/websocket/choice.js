import { Native } from "./carrier/native.js";
import { OverWebSocket } from "./carrier/over_websocket.js";

/**
 * What is asked of a connection, validated.
 *
 * @typedef {import("./carrier.js").CarrierRequest & Choices} Request
 *
 * @typedef {object} Choices
 * @property {boolean | undefined} native
 * @property {CreditSettings | undefined} credits to offer them, and how
 *
 * @typedef {object} CreditSettings
 * @property {number} window
 * @property {number} maxWindow
 * @property {number} maxMessageBytes
 */

/**
 * Begins to connect, over what serves best: the classic WebSocket with credits where the page asks for credits, else
 * the runtime's own WebSocketStream where it has one, else the classic WebSocket. `native` overrules that.
 *
 * @param {Request} request
 * @param {import("./carrier.js").CarrierEvents} events
 * @returns {import("./carrier.js").Carrier}
 */
export function carry(request, events) {
  const { native, credits, platform } = request;
  const wantsNative = native ?? credits === undefined;
  if (wantsNative && platform.WebSocketStream) return new Native(request, events);
  return new OverWebSocket(request, events);
}
