// A small server of tus 1.0.0 (core, creation, concatenation, termination), written for the tests alone: it shares no
// code with anything, keeps bytes in memory, and has whatever weather a test wants.
import { createServer } from "node:http";

/**
 * @typedef {object} Stored
 * @property {Buffer[]} pieces
 * @property {number} length
 * @property {Record<string, string>} metadata
 *
 * @typedef {import("node:http").IncomingMessage} Request
 * @typedef {import("node:http").ServerResponse} Response
 */

export class TusPeer {
  /** @type {Map<string, Stored>} by their paths */
  uploads = new Map();
  /** Each request, as `PATCH /uploads/1`. @type {string[]} */
  seen = [];
  /** The headers of the last request. @type {import("node:http").IncomingHttpHeaders} */
  headers = {};
  /** Bytes of bodies that were kept. */
  received = 0;
  /** Answers in the peer's place, if it gives true. @type {(request: Request, response: Response) => boolean | undefined} */
  weather = () => false;
  /** Cuts a PATCH after so many bytes, and keeps them. @type {() => number} */
  cutAfter = () => Infinity;
  /** Whether a PATCH that is to be cut stands still instead. */
  isStill = false;
  /** What goes before the path in a `Location`. */
  base = "";
  origin = "";
  #count = 0;
  #server = createServer((request, response) => void this.#answer(request, response));

  async listen() {
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", () => resolve(undefined)));
    this.origin = `http://127.0.0.1:${/** @type {any} */ (this.#server.address()).port}`;
    return this;
  }

  get url() {
    return `${this.origin}/uploads`;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** @param {string} url */
  bytes(url) {
    return Buffer.concat(this.#find(new URL(url).pathname)?.pieces ?? []);
  }

  /** How many requests of a method came. @param {string} method */
  count(method) {
    return this.seen.filter((request) => request.startsWith(`${method} `)).length;
  }

  /** @param {string} path */
  #find(path) {
    return this.uploads.get(path);
  }

  /** @param {Request} request @param {Response} response */
  async #answer(request, response) {
    const path = new URL(request.url ?? "", "http://x").pathname;
    this.seen.push(`${request.method} ${path}`);
    this.headers = request.headers;
    response.setHeader("Tus-Resumable", "1.0.0");
    if (this.weather(request, response)) return;
    if (request.headers["tus-resumable"] !== "1.0.0") return void response.writeHead(412).end();
    if (request.method === "POST" && path === "/uploads") return this.#create(request, response);
    const upload = this.#find(path);
    if (!upload) return void response.writeHead(404).end("there is no such upload\n");
    const offset = upload.pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (request.method === "HEAD") {
      const headers = { "Upload-Offset": offset, "Upload-Length": upload.length, "Cache-Control": "no-store" };
      return void response.writeHead(200, headers).end();
    }
    if (request.method === "DELETE") {
      this.uploads.delete(path);
      return void response.writeHead(204).end();
    }
    if (request.method === "PATCH") return this.#append(request, response, upload, offset);
    response.writeHead(405).end();
  }

  /** @param {Request} request @param {Response} response */
  #create(request, response) {
    const concat = `${request.headers["upload-concat"] ?? ""}`;
    const pieces = [];
    let length = Number(request.headers["upload-length"]);
    if (concat.startsWith("final;")) {
      for (const part of concat.slice(6).split(" ")) {
        const stored = this.#find(part);
        if (!stored) return void response.writeHead(400).end("no such part\n");
        pieces.push(...stored.pieces);
      }
      length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    }
    if (!Number.isInteger(length)) return void response.writeHead(400).end("no length\n");
    this.#count += 1;
    const path = `/uploads/${this.#count}`;
    const pairs = `${request.headers["upload-metadata"] ?? ""}`.split(",").filter(Boolean);
    const entries = pairs.map((pair) => pair.split(" ")).map(([name, value]) => [name, `${Buffer.from(value, "base64")}`]);
    this.uploads.set(path, { pieces, length, metadata: Object.fromEntries(entries) });
    const Link = `</elsewhere>; rel="next", </channels/upload-${this.#count}>; rel="monitor"`;
    response.writeHead(201, { Location: this.base + path, Link }).end();
  }

  /** @param {Request} request @param {Response} response @param {Stored} upload @param {number} offset */
  async #append(request, response, upload, offset) {
    if (request.headers["content-type"] !== "application/offset+octet-stream") return void response.writeHead(415).end();
    if (Number(request.headers["upload-offset"]) !== offset) return void response.writeHead(409).end("wrong offset\n");
    let left = this.cutAfter();
    let end = offset;
    for await (const piece of request) {
      const kept = piece.subarray(0, left);
      upload.pieces.push(kept);
      this.received += kept.length;
      end += kept.length;
      left -= kept.length;
      if (left > 0) continue;
      // Nothing more is read, and nothing answered.
      if (this.isStill) await new Promise(() => {});
      return void request.socket.destroy();
    }
    response.writeHead(204, { "Upload-Offset": end }).end();
  }
}
