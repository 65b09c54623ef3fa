/**
 * Browsers open six connections to a host by HTTP/1.1, for all tabs together. If answers that stay open took them all,
 * nothing could be posted any more. So they share a few places, by the browser's own locks; who finds none waits.
 *
 * @param {string} url whose host it is about
 * @param {AbortSignal} signal does not wait any more
 * @param {any} [scope] the global of a window or worker; elsewhere there is no such limit
 * @returns {Promise<(() => void) | undefined>} gives the place back; undefined if it did not wait for one
 */
export async function takePlace(url, signal, scope = globalThis) {
  const locks = scope.navigator?.locks;
  const isBrowser = !("Deno" in scope) && ("document" in scope || "WorkerGlobalScope" in scope);
  const { host, origin } = new URL(url);
  if (!isBrowser || !locks || (host === scope.location?.host && isMultiplexed(scope))) return () => {};
  const nameOf = (/** @type {number} */ place) => `tidegate:${origin}:${place}`;
  for (let place = 0; place < PLACES; place += 1) {
    const release = await lock(locks, nameOf(place), { ifAvailable: true });
    if (release) return release;
  }
  return lock(locks, nameOf(Math.floor(Math.random() * PLACES)), { signal });
}

/** Whether the page came over one connection for everything. @param {any} scope */
function isMultiplexed({ performance }) {
  const [navigation] = performance?.getEntriesByType?.("navigation") ?? [];
  return navigation?.nextHopProtocol === "h2" || navigation?.nextHopProtocol === "h3";
}

/**
 * @param {LockManager} locks
 * @param {string} name
 * @param {LockOptions} options
 * @returns {Promise<(() => void) | undefined>}
 */
function lock(locks, name, options) {
  return new Promise((resolve) => {
    const held = locks.request(name, options, (given) => {
      if (!given) return resolve(undefined);
      return new Promise((release) => resolve(() => release(undefined)));
    });
    // A page that may not lock, say a sandboxed one, is not kept from connecting.
    held.catch(() => resolve(options.signal?.aborted ? undefined : () => {}));
  });
}

/** Of six; the others are for what is posted, and for the page. */
const PLACES = 4;
