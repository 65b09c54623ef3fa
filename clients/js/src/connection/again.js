import { Backoff } from "../transport/backoff.js";
import { platformWith } from "../platform.js";

/**
 * One of several connections, open.
 *
 * @typedef {{ connection: import("../connection.js").Connection } & import("../websocket/stream.js").WebSocketOpenInfo} Again
 */

/**
 * @param {() => import("../connection.js").Connection} connect
 * @param {import("./options.js").ConnectionOptions} [options]
 * @returns {AsyncGenerator<Again, void, void>}
 * @internal
 */
export async function* startingAnew(connect, { signal, platform: given } = {}) {
  const platform = platformWith(given);
  const backoff = new Backoff();
  while (!signal?.aborted) {
    const connection = connect();
    const opened = await connection.opened.catch(() => undefined);
    const openedAt = platform.now();
    let isLeft = opened !== undefined;
    try {
      if (opened) yield { ...opened, connection };
      isLeft = false;
    } finally {
      if (isLeft) connection.close();
    }
    const isClean = await connection.closed.then(
      () => true,
      () => false,
    );
    if (isClean) return;
    if (opened && platform.now() - openedAt > SERVED_MS) backoff.reset();
    await pause(platform, backoff.next(), signal);
  }
}

/** @param {import("../platform.js").Platform} platform @param {number} milliseconds @param {AbortSignal} [signal] */
async function pause(platform, milliseconds, signal) {
  let onAbort = () => {};
  /** @type {any} */
  let timer;
  await new Promise((resolve) => {
    onAbort = () => resolve(undefined);
    timer = platform.setTimeout(onAbort, milliseconds);
    signal?.addEventListener("abort", onAbort);
  });
  platform.clearTimeout(timer);
  signal?.removeEventListener("abort", onAbort);
}

/** A connection that lasted so long was a good one. */
const SERVED_MS = 10_000;
