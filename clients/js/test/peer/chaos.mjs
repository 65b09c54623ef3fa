// A proxy that does to connections what networks do: for tests, which say what it does now. Files of the package it
// serves itself, undisturbed.
import { connect } from "node:net";
import { createServer, request as ask } from "node:http";
import { answerFile } from "../browser/serve.mjs";

/**
 * @typedef {object} Weather what it does to requests from now on
 * @property {"pass" | "swallow" | "refuse"} [upgrade] swallow: it never answers a handshake; refuse: 400
 * @property {Promise<void>} [hold] until when GETs wait before they are handed on
 * @property {Promise<void>} [holdPosts] until when answers to POSTs wait before they are handed back
 * @property {boolean} [buffer] it hands a response on when it has all of it
 * @property {number} [bad] which part of the requests is answered 502
 * @property {boolean} [away] there is nobody to connect to: everything is 502
 * @property {number} [lost] the status that everything is answered with, for the proxy knows no such server (yet)
 */

export class Chaos {
  /** @type {Weather} */
  weather = {};
  /** How many requests and handshakes came. @type {string[]} */
  seen = [];
  /** The status of each answer. @type {number[]} */
  answered = [];
  url = "";
  #target;
  #server = createServer((request, response) => this.#http(request, response));
  /** Connections to clients that are in use, and what stops their bytes. @type {Map<import("node:net").Socket, () => void>} */
  #live = new Map();
  #random;
  /** All connections, whatever became of them. @type {Set<import("node:net").Socket>} */
  #sockets = new Set();

  /** @param {string} target ws or http @param {() => number} [random] */
  constructor(target, random = Math.random) {
    this.#target = new URL(target.replace(/^ws/, "http"));
    this.#random = random;
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, /** @type {any} */ (socket), head));
    this.#server.on("connection", (socket) => this.#sockets.add(socket));
    this.#server.keepAliveTimeout = 60_000;
  }

  async listen() {
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", () => resolve(undefined)));
    const { port } = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
    this.url = `ws://127.0.0.1:${port}`;
    return this;
  }

  /** Cuts everything that is under way. */
  cut() {
    for (const socket of [...this.#live.keys()]) socket.destroy();
    this.#live.clear();
  }

  /** What is under way goes nowhere any more, and nobody is told. */
  freeze() {
    for (const stop of this.#live.values()) stop();
    this.#live.clear();
  }

  close() {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** @param {import("node:http").IncomingMessage} request @param {import("node:http").ServerResponse} response */
  async #http(request, response) {
    if (/^\/(src|test)\//.test(request.url ?? "")) return answerFile(request, response);
    const query = new URL(request.url ?? "", "http://x").searchParams;
    this.seen.push(query.get("transport") ?? `${request.method}`);
    const { away, bad = 0, lost } = this.weather;
    if (lost || away || this.#random() < bad) {
      request.resume();
      return response.writeHead(lost ?? 502, { "access-control-allow-origin": "*" }).end("no server\n");
    }
    const { hostname, port } = this.#target;
    const { method, url, headers } = request;
    if (method === "GET") await this.weather.hold;
    const up = ask({ hostname, port, method, path: url, headers, agent: false });
    const { socket } = request;
    this.#live.set(socket, () => {
      up.removeAllListeners("response");
      up.on("response", () => {});
      response.write = /** @type {any} */ (() => true);
      response.end = /** @type {any} */ (() => response);
      request.unpipe();
    });
    response.on("close", () => {
      this.#live.delete(socket);
      up.destroy();
    });
    up.on("error", () => socket.destroy());
    up.on("response", async (answer) => {
      if (method === "POST") await this.weather.holdPosts;
      this.#answer(answer, response);
    });
    request.pipe(up);
    return undefined;
  }

  /** @param {import("node:http").IncomingMessage} answer @param {import("node:http").ServerResponse} response */
  #answer(answer, response) {
    const { statusCode = 502, headers } = answer;
    this.answered.push(statusCode);
    answer.on("error", () => response.destroy());
    if (!this.weather.buffer) {
      response.writeHead(statusCode, headers);
      response.flushHeaders();
      answer.on("data", (chunk) => response.write(chunk));
      answer.on("end", () => response.end());
      return;
    }
    /** @type {Buffer[]} */
    const parts = [];
    delete headers["transfer-encoding"];
    answer.on("data", (part) => parts.push(part));
    answer.on("end", () => response.writeHead(statusCode, headers).end(Buffer.concat(parts)));
  }

  /** @param {import("node:http").IncomingMessage} request @param {import("node:net").Socket} socket @param {Buffer} head */
  #upgrade(request, socket, head) {
    this.seen.push("websocket");
    socket.on("error", () => {});
    const { upgrade = "pass", away, bad = 0, lost } = this.weather;
    if (lost) return socket.end(`HTTP/1.1 ${lost} Lost\r\ncontent-length: 0\r\n\r\n`);
    if (away || this.#random() < bad) return socket.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
    if (upgrade === "refuse") return socket.end("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    this.#live.set(socket, () => {});
    socket.on("close", () => this.#live.delete(socket));
    if (upgrade === "swallow") return undefined;
    const up = connect(Number(this.#target.port), this.#target.hostname, () => {
      const lines = [`GET ${request.url} HTTP/1.1`];
      for (let index = 0; index < request.rawHeaders.length; index += 2)
        lines.push(`${request.rawHeaders[index]}: ${request.rawHeaders[index + 1]}`);
      up.write(`${lines.join("\r\n")}\r\n\r\n`);
      up.write(head);
      socket.on("data", (bytes) => up.write(bytes));
      up.on("data", (bytes) => socket.write(bytes));
    });
    up.on("error", () => socket.destroy());
    up.on("close", () => socket.destroy());
    socket.on("close", () => up.destroy());
    this.#live.set(socket, () => {
      socket.removeAllListeners("data");
      up.removeAllListeners("data");
      up.removeAllListeners("close");
    });
    return undefined;
  }
}
