/** WebSocketStream with backpressure, in every browser and runtime. */

export { WebSocketStream } from "./websocket/stream.js";
export { WebSocketError } from "./websocket/error.js";

/**
 * @typedef {import("./websocket/options.js").WebSocketStreamOptions} WebSocketStreamOptions
 * @typedef {import("./websocket/options.js").CreditOptions} CreditOptions
 * @typedef {import("./websocket/stream.js").WebSocketOpenInfo} WebSocketOpenInfo
 * @typedef {import("./websocket/close_info.js").WebSocketCloseInfo} WebSocketCloseInfo
 * @typedef {import("./websocket/close_info.js").WebSocketCloseOptions} WebSocketCloseOptions
 * @typedef {import("./websocket/chunk.js").Chunk} Chunk
 * @typedef {import("./websocket/chunk.js").Writes} Writes
 * @typedef {import("./platform.js").Platform} Platform
 */
