/**
 * A promise and what settles it (`Promise.withResolvers`, which is younger than the runtimes that this runs in).
 *
 * @template T
 * @typedef {object} Deferred
 * @property {Promise<T>} promise
 * @property {(value: T | PromiseLike<T>) => void} resolve
 * @property {(reason: unknown) => void} reject
 */

/**
 * A promise that may reject without anybody looking: whoever wants to know of the rejection asks the promise.
 *
 * @template T
 * @returns {Deferred<T>}
 */
export function deferred() {
  /** @type {Partial<Deferred<T>>} */
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  parts.promise.catch(() => {});
  return /** @type {Deferred<T>} */ (parts);
}
