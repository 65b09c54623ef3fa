import { platformWith } from "../platform.js";
import { protocolsOf } from "./protocols.js";
import { TIDEGATE } from "./carrier/over_websocket.js";

/**
 * @typedef {object} WebSocketStreamOptions
 * @property {Iterable<string>} [protocols] subprotocols to offer, the best first; if there are any, the server must
 *   select one
 * @property {AbortSignal} [signal] gives up a connection that is not open yet; later it has no effect
 * @property {boolean | CreditOptions} [credits] whether to speak `tidegate.v1`, which a Tidegate server does: other
 *   servers refuse the connection. Naming `tidegate.v1` among the protocols asks for the same
 * @property {boolean} [native] true: over the runtime's own WebSocketStream where it has one, even if credits are
 *   asked for; false: never
 * @property {Partial<import("../platform.js").Platform>} [platform] what to use in place of the runtime's own
 */

/**
 * @typedef {object} CreditOptions
 * @property {number} [window] what the server may send ahead of the reader at first, in bytes; 256 KiB by default
 * @property {number} [maxWindow] what that may grow to, while reading is fast; 4 MiB by default
 * @property {number} [maxMessageBytes] the longest message that is taken; 16 MiB by default
 */

/**
 * @internal
 * @param {unknown} given
 * @returns {{ choices: Omit<import("./choice.js").Request, "url">, signal: AbortSignal | undefined }}
 */
export function optionsOf(given) {
  const { protocols, signal, native, credits, platform } = dictionary(given);
  if (signal !== undefined && !isSignal(signal)) throw new TypeError("signal must be an AbortSignal");
  const offered = protocolsOf(protocols);
  const own = offered.filter((protocol) => protocol !== TIDEGATE);
  const reserved = own.find((protocol) => protocol.startsWith("tidegate."));
  if (reserved !== undefined) throw new DOMException(`the subprotocol ${reserved} is reserved`, "SyntaxError");
  const settings = creditSettings(credits ?? own.length < offered.length);
  return { choices: { protocols: own, native, credits: settings, platform: platformWith(platform) }, signal };
}

/** @param {unknown} given @returns {WebSocketStreamOptions} */
function dictionary(given) {
  if (given === undefined || given === null) return {};
  if (typeof given !== "object" && typeof given !== "function") throw new TypeError("options must be an object");
  return /** @type {WebSocketStreamOptions} */ (given);
}

/** @param {unknown} signal */
function isSignal(signal) {
  return signal !== null && typeof signal === "object" && "aborted" in signal && "addEventListener" in signal;
}

/** @param {boolean | CreditOptions} given @returns {import("./choice.js").CreditSettings | undefined} */
function creditSettings(given) {
  if (given === false) return undefined;
  const { window = WINDOW, maxWindow = MAX_WINDOW, maxMessageBytes = MAX_MESSAGE } = given === true ? {} : given;
  for (const [name, value] of Object.entries({ window, maxWindow, maxMessageBytes })) {
    if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name} must be a number of bytes`);
  }
  return { window, maxWindow: Math.max(window, maxWindow), maxMessageBytes };
}

const WINDOW = 262_144;
const MAX_WINDOW = 4_194_304;
const MAX_MESSAGE = 16_777_216;
