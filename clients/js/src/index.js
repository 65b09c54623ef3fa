/** WebSocketStream with backpressure, in every browser and runtime, and Connection, which outlives a WebSocket. */

export * from "./stream.js";
export { Connection } from "./connection.js";

/**
 * @typedef {import("./connection/options.js").ConnectionOptions} ConnectionOptions
 * @typedef {import("./transport/names.js").TransportName} TransportName
 */
