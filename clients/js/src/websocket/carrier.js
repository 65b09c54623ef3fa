/**
 * What carries a connection. There are three, behind this one interface: the classic WebSocket with credits, the
 * runtime's own WebSocketStream, the classic WebSocket alone.
 *
 * @typedef {object} Carrier
 * @property {(data: string | Uint8Array) => void | Promise<void>} send copies the data; settles when there is room
 *   for more, and not at all once the peer has begun to close. Called again only after that.
 * @property {(chunk: import("./chunk.js").Chunk) => void} taken the application has read this message
 * @property {() => void} [closing] `close` will be called once the writes are done: from now on a write settles when it
 *   has left, whether there is room for more or not
 * @property {(info: import("./close_info.js").CloseInfo) => void} close closes behind what was sent; then comes
 *   `onEnd`. Called once, and only when open. If the peer has begun to close, its code and reason are the answer.
 * @property {() => void} fail gives up at once, in any state; `onEnd` need not come
 *
 * What a carrier tells. `onOpen` comes first and once, `onMessage` while open, `onEnd` last and once. `onEnding` comes
 * at most once, where a carrier lets the application finish its writes: the peer closes, all it sent has been read,
 * and now `close` is to be called. It tells whether a write still waits, which will not settle.
 * @typedef {object} CarrierEvents
 * @property {(opened: { protocol: string, extensions: string }) => void} onOpen
 * @property {(chunk: import("./chunk.js").Chunk) => void} onMessage
 * @property {(isWaiting: boolean) => void} onEnding
 * @property {(end: End) => void} onEnd
 *
 * @typedef {object} End
 * @property {boolean} isClean both Closes were exchanged, and everything sent has left
 * @property {boolean} isClose whether the peer has closed; else the connection broke off
 * @property {number} closeCode the peer's; 1005 if its Close had none, 1006 if no Close came
 * @property {string} reason
 * @property {false} [resumed] where a session could not be resumed
 *
 * @typedef {object} CarrierRequest
 * @property {string} url
 * @property {string[]} protocols
 * @property {import("../platform.js").Platform} platform
 */

/** How long the closing handshake may take. */
export const CLOSE_TIMEOUT_MS = 10_000;

/** No Close came. @type {Readonly<End>} */
export const LOST = Object.freeze({ isClean: false, isClose: false, closeCode: 1006, reason: "" });
