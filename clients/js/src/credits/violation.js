/** What a peer may do wrong, and the code that tells it (docs/protocol.md, section 8). */
const CODES = {
  "text batch": 1002,
  "empty batch": 1002,
  "batch too large": 1009,
  "cut frame": 1002,
  "varint not shortest": 1002,
  "varint too large": 1002,
  "reserved frame type": 1002,
  "no greeting": 1002,
  "second greeting": 1002,
  "greeting too late": 1002,
  "unknown version": 1002,
  "bad parameter": 1002,
  "wrong protocol": 1002,
  "bad control frame": 1002,
  "no credit": 1002,
  "message too large": 1009,
  "message inside message": 1002,
  "part of nothing": 1002,
  "empty part": 1002,
  "bad apart": 1002,
  "not UTF-8": 1007,
  "limit shrunk": 1002,
  "ack shrunk": 1002,
  "ack of unsent": 1002,
  "idle credit": 1002,
  "too many credits": 1002,
  "bad blocked": 1002,
  "second ping": 1002,
  "unasked pong": 1002,
  "message after end": 1002,
  "end inside message": 1002,
  "second end": 1002,
  "bad end": 1002,
};

/** The peer has broken `tidegate.v1`. The connection fails with this code and reason. */
export class Violation extends Error {
  /** @param {keyof typeof CODES} rule */
  constructor(rule) {
    super(`tidegate.v1: ${rule}`);
    this.closeCode = CODES[rule];
  }

  get reason() {
    return this.message;
  }
}
