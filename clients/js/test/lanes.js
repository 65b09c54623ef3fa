/**
 * What may carry a connection, and the options that choose it.
 * @type {Record<string, any>}
 */
export const LANES = {
  classic: { native: false },
  native: { native: true },
  credits: { credits: true },
  // A Connection, over whatever it chooses and over each of its transports.
  session: {},
  "session-websocket": { transports: ["websocket"] },
  "session-stream": { transports: ["stream"] },
  "session-sse": { transports: ["sse"] },
  "session-long-poll": { transports: ["long-poll"] },
  "session-poll": { transports: ["poll"] },
};
