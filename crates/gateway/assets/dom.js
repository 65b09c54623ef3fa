/** Small helpers that every part of the page uses. */

/**
 * The element with this id, which the page must have.
 * @template {Element} T
 * @param {string} id
 * @param {abstract new (...args: any[]) => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`no ${type.name} with id ${id}`);
  return element;
}

/**
 * A new element with classes and text. User text only ever becomes text.
 * @param {string} tag
 * @param {string} className
 * @param {string} [text]
 * @returns {HTMLElement}
 */
export function create(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** `ws://host` or `wss://host` of the server that served this page. */
export const socketOrigin = `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}`;

const MIB = 1024 * 1024;

/**
 * Bytes as mebibytes, one decimal below 100.
 * @param {number} bytes
 * @returns {string}
 */
export function mebibytes(bytes) {
  const amount = bytes / MIB;
  return amount.toFixed(amount < 99.95 ? 1 : 0);
}

/**
 * Storage that may be missing, full or forbidden; then nothing is remembered.
 * @param {"localStorage" | "sessionStorage"} kind
 */
export function storage(kind) {
  return {
    /** @param {string} key @returns {string | null} */
    get(key) {
      try {
        return window[kind].getItem(key);
      } catch {
        return null;
      }
    },
    /** @param {string} key @param {string} value */
    set(key, value) {
      try {
        window[kind].setItem(key, value);
      } catch {
        // Remembering is a convenience.
      }
    },
  };
}
