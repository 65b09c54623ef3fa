/** The schemes that open a WebSocket, and what they are rewritten to. @type {Record<string, string>} */
const SCHEMES = { "ws:": "ws:", "wss:": "wss:", "http:": "ws:", "https:": "wss:" };

/**
 * The URL to connect to: absolute, with the scheme ws or wss.
 *
 * @param {unknown} given relative to the page, where there is one
 * @returns {string}
 */
export function resolveUrl(given) {
  const text = `${given}`;
  let url;
  try {
    url = new URL(text, base());
  } catch {
    throw new DOMException(`${text} is no URL`, "SyntaxError");
  }
  const scheme = SCHEMES[url.protocol];
  if (scheme === undefined) {
    throw new DOMException(`the scheme must be ws, wss, http or https, not ${url.protocol}`, "SyntaxError");
  }
  // Not `url.hash`, which is empty for an empty fragment too.
  if (url.href.includes("#")) throw new DOMException("the URL must not have a fragment", "SyntaxError");
  url.protocol = scheme;
  return url.href;
}

/** What a relative URL is relative to. @returns {string | undefined} */
function base() {
  const { document, location } = /** @type {any} */ (globalThis);
  return document?.baseURI ?? location?.href;
}
