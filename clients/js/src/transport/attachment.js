/**
 * One way to carry a session's frames from the server (docs/sessions.md, section 3). Each transport has a function
 * that begins an attachment: it asks, hands over what comes, and tells the end. It knows nothing of what it carries.
 *
 * @typedef {object} Order
 * @property {string} url of the connection, ws or wss
 * @property {string[]} protocols the application's
 * @property {import("../platform.js").Platform} platform
 * @property {() => { session: string, after: number }} position asked for each request; without a session it opens one
 *
 * @typedef {object} AttachmentEvents
 * @property {() => void} onBegin a body or WebSocket begins, with ATTACHED; once, or at each answer to a poll
 * @property {(bytes: Uint8Array) => void} onBytes frames, cut anywhere; not kept. Throws a `Violation` where the server
 *   breaks the protocol
 * @property {() => void} onHeard the server has sent anything at all
 * @property {(end: Ending) => void} onEnd last and once; not after `close`
 *
 * @typedef {object} Ending
 * @property {number} status of the answer that is no attachment; 0 where there was none. A WebSocket's 4404 is 404
 * @property {boolean} [isLost] whether a server of sessions says that the session, or the position, is not there; a
 *   404 of somebody else, say a proxy whose server is away, says nothing of it
 * @property {number} [retryAfterMs]
 *
 * @typedef {object} Attachment
 * @property {(frames: Uint8Array<ArrayBuffer>) => void} [send] only where the client's frames go the same way
 * @property {() => void} [nudge] something has been posted, so an answer may be there
 * @property {number} silenceMs how long nothing may come before it counts as lost
 * @property {() => void} close ends it without a word
 */

/** Nothing has come for so long: lost (docs/sessions.md, section 3). */
export const SILENCE_MS = 40_000;

/** It broke off, or never was. @type {Readonly<Ending>} */
export const BROKEN = Object.freeze({ status: 0 });

export const FRAMES_TYPE = "application/vnd.tidegate.v1";
