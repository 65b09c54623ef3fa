/**
 * How far an upload is, in bytes.
 *
 * @typedef {object} UploadProgress
 * @property {number} durable what the server says that it has; this is never sent again
 * @property {number} sent that, and what is on its way
 * @property {number} total
 */

/**
 * Counts for all parts together.
 *
 * @internal
 */
export class Progress {
  /** For each part what is durable, and what is on its way. @type {[number, number][]} */
  #parts = [];
  #total;
  #tell;

  /** @param {number} total @param {(progress: UploadProgress) => void} tell */
  constructor(total, tell) {
    this.#total = total;
    this.#tell = tell;
  }

  /** All that is durable. */
  get durable() {
    return this.#parts.reduce((sum, [durable]) => sum + durable, 0);
  }

  /** @param {number} part @param {number} durable @param {number} [underWay] */
  set(part, durable, underWay = 0) {
    this.note(part, durable, underWay);
    this.tell();
  }

  /** The same, without telling. @param {number} part @param {number} durable @param {number} [underWay] */
  note(part, durable, underWay = 0) {
    this.#parts[part] = [durable, underWay];
  }

  tell() {
    const { durable } = this;
    const underWay = this.#parts.reduce((sum, part) => sum + part[1], 0);
    this.#tell({ durable, sent: durable + underWay, total: this.#total });
  }
}
