/**
 * Why there is no upload: `unreachable` (nothing ever answered), `lost` (nothing has got through for too long),
 * `refused` (the server said no; `status` is its answer), `gone` (it has lost the upload, again and again), `unreadable`
 * (the file has changed, or cannot be read any more) or `busy` (another tab uploads the same file there).
 *
 * @typedef {"unreachable" | "lost" | "refused" | "gone" | "unreadable" | "busy"} UploadErrorKind
 */

/** Why there is no upload. */
export class UploadError extends Error {
  /**
   * @param {UploadErrorKind} kind
   * @param {string} message
   * @param {{ status?: number, cause?: unknown }} [more]
   */
  constructor(kind, message, { status = 0, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "UploadError";
    /** What went wrong. */
    this.kind = kind;
    /** The status of the server's answer; 0 where there was none. */
    this.status = status;
  }
}

/**
 * What may be over by itself: it is worth trying again.
 *
 * @internal
 */
export class Passing extends Error {
  /** @param {string} message @param {{ status?: number, waitMs?: number }} [more] */
  constructor(message, { status = 0, waitMs = 0 } = {}) {
    super(message);
    /** The status of the answer; 0 where there was none. */
    this.status = status;
    /** How long the server asks to wait. */
    this.waitMs = waitMs;
  }
}
