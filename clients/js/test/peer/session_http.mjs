// The requests of docs/sessions.md, answered for the sessions beside this file.
import { Attachment, PeerSession, Uplink } from "./session.mjs";

const TYPE = "application/vnd.tidegate.v1";
const MAX_BODY = 262_144;
const ALWAYS = {
  "cache-control": "no-store",
  "access-control-allow-credentials": "true",
  "access-control-allow-headers": "content-type",
  "access-control-allow-methods": "DELETE",
  "access-control-expose-headers": "tidegate-position, tidegate-session, retry-after",
};
/** With a 404 or 410 that is about a session. */
const LOST = { "tidegate-session": "lost" };

/**
 * All sessions of a server.
 */
export class Sessions {
  /** @type {Map<string, PeerSession>} */
  #all = new Map();
  #open;

  /** @param {(session: PeerSession, url: URL, protocols: string[]) => void} open a new one */
  constructor(open) {
    this.#open = open;
  }

  /** @param {number} why */
  detachAll(why) {
    for (const { attachment } of this.#all.values()) attachment?.end(why);
  }

  get count() {
    return this.#all.size;
  }

  closeAll() {
    for (const session of this.#all.values()) session.terminate();
  }

  /**
   * @param {URL} url
   * @param {string[]} protocols
   * @returns {{ session: PeerSession, after: number } | number} or the status that refuses it
   */
  find(url, protocols) {
    const id = url.searchParams.get("session");
    if (id === null) {
      const session = new PeerSession(({ id }) => this.#all.delete(id));
      this.#all.set(session.id, session);
      this.#open(session, url, protocols);
      return { session, after: 0 };
    }
    const session = this.#all.get(id);
    if (!session) return 404;
    const after = Number(url.searchParams.get("after") ?? NaN);
    if (!(after >= session.acked && after <= session.acked + session.frames.length)) return 410;
    session.acknowledge(after);
    return { session, after };
  }

  /** @param {any} socket of `ws` @param {URL} url @param {string[]} protocols */
  webSocket(socket, url, protocols) {
    const found = this.find(url, protocols);
    if (typeof found === "number") return socket.close(4000 + found, "no such session");
    const { session, after } = found;
    const send = (/** @type {Buffer} */ bytes) => socket.send(bytes);
    const uplink = new Uplink(session, send);
    const attachment = new Attachment(session, after, {
      write: send,
      end: (why) => (why === 1 ? socket.close(4409) : socket.close(session.closing?.code, session.closing?.reason)),
      cut: () => socket.terminate(),
    });
    socket.on("message", (/** @type {Buffer} */ data) => uplink.receive(data));
    socket.on("error", () => {});
    socket.on("close", () => attachment.over());
    session.attach(attachment);
    return undefined;
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  http(request, response) {
    const url = new URL(request.url ?? "", "http://x");
    for (const [name, value] of Object.entries(ALWAYS)) response.setHeader(name, value);
    if (request.headers.origin) response.setHeader("access-control-allow-origin", request.headers.origin);
    if (request.method === "OPTIONS") return response.writeHead(204).end();
    if (request.method === "POST") return this.#post(request, response, url);
    if (request.method === "DELETE") return this.#delete(response, url);
    const transport = url.searchParams.get("transport");
    if (!transport) return response.writeHead(404).end();
    const protocols = url.searchParams.get("protocols")?.split(",") ?? [];
    const found = this.find(url, protocols);
    if (typeof found === "number") return response.writeHead(found, LOST).end("no such session\n");
    return down(found.session, found.after, transport, response, Number(url.searchParams.get("wait") ?? 25));
  }

  /** @param {import("node:http").ServerResponse} response @param {URL} url */
  #delete(response, url) {
    const session = this.#all.get(url.searchParams.get("session") ?? "");
    session?.terminate();
    return session ? response.writeHead(204).end() : response.writeHead(404, LOST).end();
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   * @param {URL} url
   */
  async #post(request, response, url) {
    const session = this.#all.get(url.searchParams.get("session") ?? "");
    const answer = (/** @type {number} */ status, more = {}) => {
      const position = session ? { "tidegate-position": session.received } : {};
      return response.writeHead(status, { ...position, ...more }).end();
    };
    if (!session) return answer(404, LOST);
    if (request.headers["content-type"] !== TYPE) return answer(415);
    if (session.isPosting) return answer(409, { "retry-after": "1" });
    const from = Number(url.searchParams.get("from"));
    if (from > session.received) return answer(409);
    session.isPosting = true;
    try {
      const parts = [];
      let bytes = 0;
      for await (const part of request) {
        parts.push(part);
        bytes += part.length;
        if (bytes > MAX_BODY) return answer(413);
      }
      session.take(Buffer.concat(parts), from);
      session.acknowledge(Number(url.searchParams.get("received")));
      return answer(204);
    } catch {
      return answer(400);
    } finally {
      session.isPosting = false;
    }
  }
}

/**
 * The server's flow as an answer.
 *
 * @param {PeerSession} session
 * @param {number} after
 * @param {string} transport
 * @param {import("node:http").ServerResponse} response
 * @param {number} wait
 */
function down(session, after, transport, response, wait) {
  const isEvents = transport === "sse";
  response.writeHead(200, { "content-type": isEvents ? "text/event-stream" : TYPE });
  const write = (/** @type {Buffer} */ bytes, /** @type {number} */ position) =>
    response.write(isEvents ? `id: ${session.id}.${position}\ndata: ${bytes.toString("base64")}\n\n` : bytes);
  const attachment = new Attachment(session, after, {
    write,
    end: () => response.end(),
    cut: () => response.destroy(),
    isOnce: transport === "long-poll",
  });
  response.on("close", () => attachment.over());
  session.attach(attachment);
  if (transport === "poll") attachment.end();
  const timer = transport === "long-poll" ? setTimeout(() => attachment.end(), wait * 1000) : undefined;
  response.on("close", () => clearTimeout(timer));
}
