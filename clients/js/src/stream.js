/** WebSocketStream alone, for a page that wants nothing else of the package. */

export { WebSocketStream } from "./websocket/stream.js";
export { WebSocketError } from "./websocket/error.js";
