import { Classic } from "./carrier/classic.js";
import { Native } from "./carrier/native.js";

/**
 * What carries a connection: the runtime's own WebSocketStream where there is one, else the classic WebSocket.
 *
 * @typedef {import("./carrier.js").CarrierRequest & { native: boolean | undefined }} Request
 */

/**
 * Begins to connect.
 *
 * @param {Request} request
 * @param {import("./carrier.js").CarrierEvents} events
 * @returns {import("./carrier.js").Carrier}
 */
export function carry(request, events) {
  if (request.native !== false && request.platform.WebSocketStream) return new Native(request, events);
  return new Classic(request, events);
}
