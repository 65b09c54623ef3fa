import { TRANSPORT_NAMES } from "../transport/names.js";
import { optionsOf } from "../websocket/options.js";

/**
 * @typedef {import("../transport/names.js").TransportName} TransportName
 *
 * @typedef {object} ConnectionOptions
 * @property {Iterable<string>} [protocols] subprotocols to offer, the best first; if there are any, the server must
 *   select one
 * @property {AbortSignal} [signal] gives up a connection that is not open yet; later it has no effect
 * @property {Iterable<TransportName>} [transports] what may carry it, the best first; all, if not given: `websocket`,
 *   `stream`, `sse`, `long-poll`, `poll`
 * @property {(transport: TransportName | "") => void} [ontransport] called when something else carries it, and with the
 *   empty string when nothing does for now
 * @property {import("../websocket/options.js").CreditOptions} [credits] limits of what may come
 * @property {Partial<import("../platform.js").Platform>} [platform] what to use in place of the runtime's own
 */

/**
 * @internal
 * @param {any} given
 * @returns {{ choices: Omit<import("./over_session.js").SessionRequest, "url">, signal: AbortSignal | undefined }}
 */
export function connectionOptionsOf(given) {
  const { choices, signal } = optionsOf(given);
  const { credits, protocols, platform } = optionsOf({ ...given, credits: given?.credits ?? true }).choices;
  if (!credits) throw new TypeError("a connection has credits");
  const { ontransport = () => {} } = given ?? {};
  if (typeof ontransport !== "function") throw new TypeError("ontransport must be a function");
  const transports = transportsOf(given?.transports);
  return { choices: { ...choices, credits, protocols, platform, transports, onTransport: ontransport }, signal };
}

/** @param {unknown} given @returns {TransportName[]} */
function transportsOf(given) {
  if (given === undefined) return [...TRANSPORT_NAMES];
  if (given === null || typeof given !== "object" || !(Symbol.iterator in given)) {
    throw new TypeError("transports must be a list");
  }
  const names = [...new Set(/** @type {Iterable<any>} */ (given))];
  for (const name of names) {
    if (!TRANSPORT_NAMES.includes(name)) throw new TypeError(`there is no transport ${name}`);
  }
  if (names.length === 0) throw new TypeError("a transport is needed");
  return names;
}
