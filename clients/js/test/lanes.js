/**
 * What may carry a connection, and the options that choose it.
 * @type {Record<string, any>}
 */
export const LANES = {
  classic: { native: false },
  native: { native: true },
  credits: { credits: true },
};
