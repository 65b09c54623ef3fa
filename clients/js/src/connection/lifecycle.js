/**
 * What happens to the page or worker, as far as it matters to a connection. There is no `unload` handler, which would
 * keep a page out of the back/forward cache.
 *
 * @typedef {object} LifecycleEvents
 * @property {() => void} onWoken the network or the page is back after a time in which anything may have been lost
 * @property {() => void} onShown the page is seen again
 * @property {() => void} onLeft the page goes away for good
 *
 * @param {LifecycleEvents} events
 * @param {any} [scope] the global of a window or worker; other runtimes tell nothing
 * @returns {() => void} listens no more
 */
export function listen(events, scope = globalThis) {
  const { document } = scope;
  /** @type {[any, string, (event: any) => void][]} */
  const listeners = [[scope, "online", events.onWoken]];
  if (document) {
    listeners.push(
      [scope, "pageshow", ({ persisted }) => persisted && events.onWoken()],
      [scope, "pagehide", ({ persisted }) => persisted || events.onLeft()],
      [document, "resume", events.onWoken],
      [document, "visibilitychange", () => document.visibilityState === "visible" && events.onShown()],
    );
  }
  for (const [target, type, listener] of listeners) target.addEventListener?.(type, listener);
  return () => {
    for (const [target, type, listener] of listeners) target.removeEventListener?.(type, listener);
  };
}
