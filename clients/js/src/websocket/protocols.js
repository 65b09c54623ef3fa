/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * The subprotocols to offer: tokens, none of them twice, in any case (RFC 6455 §4.1).
 *
 * @param {unknown} given
 * @returns {string[]}
 */
export function protocolsOf(given) {
  if (given === undefined) return [];
  if (given === null || typeof given !== "object" || !(Symbol.iterator in given)) {
    throw new TypeError("protocols must be a list");
  }
  const protocols = Array.from(/** @type {Iterable<unknown>} */ (given), (protocol) => `${protocol}`);
  const seen = new Set();
  for (const protocol of protocols) {
    if (!TOKEN.test(protocol)) throw new DOMException(`${protocol} is no subprotocol`, "SyntaxError");
    const folded = protocol.toLowerCase();
    if (seen.has(folded)) throw new DOMException(`the subprotocol ${protocol} is there twice`, "SyntaxError");
    seen.add(folded);
  }
  return protocols;
}
