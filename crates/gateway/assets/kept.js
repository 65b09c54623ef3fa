/** What a reload leaves of this page's uploads: a list, and where the browser has them, handles of their files. */

import { storage } from "./dom.js";

/**
 * @typedef {object} Remembered
 * @property {string} fingerprint
 * @property {string} name
 * @property {number} size
 * @property {number} changed when the file was changed, as its `lastModified`
 * @property {number} durable what the server had, as far as this page knew
 * @property {string} url of the upload; empty before there is one
 */

const KEY = "tidegate-uploads";
const HANDLES = "handles";
const MOST_REMEMBERED = 50;

const kept = storage("localStorage");

/** @returns {Remembered[]} */
export function remembered() {
  try {
    const list = JSON.parse(kept.get(KEY) ?? "[]");
    return Array.isArray(list) ? list.filter(({ fingerprint, name }) => fingerprint && name) : [];
  } catch {
    return [];
  }
}

/** Other tabs have uploads of their own in the list. @param {Remembered} what */
export function remember(what) {
  kept.set(KEY, JSON.stringify([...allBut(what.fingerprint), what].slice(-MOST_REMEMBERED)));
}

/** @param {string} fingerprint */
export function forget(fingerprint) {
  kept.set(KEY, JSON.stringify(allBut(fingerprint)));
  void inHandles("readwrite", (handles) => handles.delete(fingerprint));
}

/** Tells when another tab has changed the list. @param {() => void} run */
export function whenChanged(run) {
  addEventListener("storage", ({ key }) => key === KEY && run());
}

/** @param {string} fingerprint @param {import("./chosen.js").FileHandle} handle */
export function rememberHandle(fingerprint, handle) {
  void inHandles("readwrite", (handles) => handles.put(handle, fingerprint));
}

/** @param {string} fingerprint @returns {Promise<import("./chosen.js").FileHandle | undefined>} */
export function handleOf(fingerprint) {
  return inHandles("readonly", (handles) => handles.get(fingerprint));
}

/** @param {string} fingerprint */
function allBut(fingerprint) {
  return remembered().filter((one) => one.fingerprint !== fingerprint);
}

/**
 * Asks the database, which may be missing, full or forbidden; then there are no handles.
 *
 * @param {IDBTransactionMode} mode
 * @param {(handles: IDBObjectStore) => IDBRequest} ask
 * @returns {Promise<any>}
 */
async function inHandles(mode, ask) {
  try {
    const opening = indexedDB.open(KEY, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(HANDLES);
    const database = await resultOf(opening);
    const result = await resultOf(ask(database.transaction(HANDLES, mode).objectStore(HANDLES)));
    database.close();
    return result;
  } catch {
    return undefined;
  }
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function resultOf(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
