/**
 * What the runtime gives. An application may bring its own of each, where the runtime has none or for a test.
 *
 * @typedef {object} Platform
 * @property {typeof globalThis.WebSocket} WebSocket the classic WebSocket
 * @property {NativeClass | undefined} WebSocketStream the runtime's own WebSocketStream, where it has one
 * @property {typeof globalThis.fetch} fetch
 * @property {(run: () => void, milliseconds: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {() => number} now milliseconds of a clock that never goes back
 */

/**
 * @typedef {new (url: string, options: { protocols?: string[], signal?: AbortSignal }) => NativeStream} NativeClass
 */

/**
 * What is used of a runtime's own WebSocketStream.
 *
 * @typedef {object} NativeStream
 * @property {Promise<NativeOpened>} opened
 * @property {Promise<{ closeCode: number, reason: string }>} closed
 * @property {(info: { closeCode?: number, reason?: string }) => void} close
 */

/**
 * @typedef {object} NativeOpened
 * @property {ReadableStream<string | ArrayBuffer | Uint8Array<ArrayBuffer>>} readable
 * @property {WritableStream<string | Uint8Array>} writable
 * @property {string} protocol
 * @property {string} extensions
 */

/** Our own classes carry this mark, so that one that was made global is not taken for the runtime's. */
export const OURS = Symbol.for("tidegate.WebSocketStream");

/**
 * Remembered, so that a page may put ours in its place. Deno's is left alone: it is unstable, and opens without the
 * protocol that was asked for.
 */
const NATIVE = "Deno" in globalThis ? undefined : /** @type {any} */ (globalThis).WebSocketStream;

/**
 * The runtime's, with what the application brings in its place.
 *
 * @param {Partial<Platform>} [given]
 * @returns {Platform}
 * @internal
 */
export function platformWith(given = {}) {
  const global = /** @type {any} */ (globalThis);
  return {
    WebSocket: global.WebSocket ?? NoWebSocket,
    WebSocketStream: NATIVE?.[OURS] ? undefined : NATIVE,
    fetch: (...request) => global.fetch(...request),
    setTimeout: (run, milliseconds) => global.setTimeout(run, milliseconds),
    clearTimeout: (timer) => global.clearTimeout(timer),
    now: () => global.performance.now(),
    ...given,
  };
}

/** What Node 20 has. */
class NoWebSocket {
  constructor() {
    throw new TypeError("this runtime has no WebSocket: give one as platform.WebSocket");
  }
}
