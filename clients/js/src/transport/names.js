/**
 * What may carry a connection.
 *
 * @typedef {"websocket" | "stream" | "sse" | "long-poll" | "poll"} TransportName
 */

/**
 * The best first.
 * @type {readonly TransportName[]}
 * @internal
 */
export const TRANSPORT_NAMES = ["websocket", "stream", "sse", "long-poll", "poll"];
