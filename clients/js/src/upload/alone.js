import { UploadError } from "./error.js";

/**
 * Runs, unless another tab uploads the same file to the same place: they would take it from one another. Where the
 * runtime has no locks (they need a secure context), or nothing is kept, nobody is in the way.
 *
 * @template T
 * @param {{ key: string }} choices
 * @param {() => Promise<T>} run
 * @returns {Promise<T>}
 */
export function alone({ key }, run) {
  /** @type {LockManager | undefined} */
  const locks = globalThis.navigator?.locks;
  if (!key || !locks) return run();
  return new Promise((resolve, reject) => {
    const locked = locks.request(key, { ifAvailable: true }, (lock) => {
      if (!lock) throw new UploadError("busy", "this file is being uploaded there already");
      const running = run();
      resolve(running);
      // A page that is left may be kept for a return, and must not keep others from the file: Firefox does both.
      const isLeft = new Promise((left) => globalThis.addEventListener?.("pagehide", left, { once: true }));
      return Promise.race([running.catch(() => {}), isLeft]);
    });
    locked.catch(reject);
  });
}
