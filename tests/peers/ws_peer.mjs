// One WebSocket connection of npm's ws, led by a test.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { obey, requireTool } from './commands.mjs';

const { WebSocket, WebSocketServer } = requireTool('ws');

/** What went one way, told so that the other end can compare. */
class Flow {
  messages = 0;
  bytes = 0;
  #hash = createHash('sha1');

  add({ payload, isBinary }) {
    this.messages += 1;
    this.bytes += payload.length;
    const head = Buffer.from(isBinary ? 'b____' : 't____');
    head.writeUInt32BE(payload.length, 1);
    this.#hash.update(head).update(payload);
  }

  report() {
    return { messages: this.messages, bytes: this.bytes, digest: this.#hash.digest('hex') };
  }
}

/** The messages of a socket, one after the other; null behind the last. */
class Inbox {
  #arrived = [];
  #takers = [];

  constructor(socket) {
    socket.on('message', (payload, isBinary) => this.#put({ payload, isBinary }));
    socket.on('close', () => this.#put(null));
  }

  #put(item) {
    const taker = this.#takers.shift();
    if (taker) taker(item);
    else this.#arrived.push(item);
  }

  next() {
    if (this.#arrived.length > 0) return this.#arrived.shift();
    return new Promise((resolve) => this.#takers.push(resolve));
  }
}

/** Every method is a command. */
class Peer {
  #socket;
  #inbox;
  #seen;
  #accepted;
  #pushed = 0;

  #take(socket) {
    this.#socket = socket;
    this.#inbox = new Inbox(socket);
    this.#seen = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    // A drop is told by 'close' as well, with 1006.
    socket.on('error', () => {});
  }

  async listen({ certificate, deflate, protocols }) {
    const web = certificate
      ? createTlsServer({ cert: certificate.chain, key: certificate.key })
      : createServer();
    const server = new WebSocketServer({
      server: web,
      perMessageDeflate: compression(deflate),
      handleProtocols: (offered) => protocols.find((protocol) => offered.has(protocol)) ?? false,
    });
    this.#accepted = once(server, 'connection').then(([socket]) => this.#take(socket));
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
    return { port: web.address().port };
  }

  async accepted() {
    await this.#accepted;
    return this.#opened();
  }

  async connect({ url, ca, deflate, protocols }) {
    const socket = new WebSocket(url, protocols, { ca: ca ?? undefined, perMessageDeflate: compression(deflate) });
    const opening = once(socket, 'open');
    this.#take(socket);
    await opening;
    return this.#opened();
  }

  #opened() {
    const { protocol, extensions } = this.#socket;
    return { protocol, deflate: extensions.includes('permessage-deflate') };
  }

  /** Sends one frame, and waits until the operating system has it. */
  #frame(payload, options) {
    return new Promise((resolve, reject) => {
      this.#socket.send(payload, options, (error) => (error ? reject(error) : resolve()));
    });
  }

  async send({ text, fragments }) {
    const payloads = fragments.map((fragment) => Buffer.from(fragment, 'hex'));
    for (const [index, payload] of payloads.entries()) {
      await this.#frame(payload, { binary: !text, fin: index === payloads.length - 1 });
    }
  }

  async count({ messages }) {
    const sent = [];
    for (let number = 0; number < messages; number += 1) sent.push(this.#frame(`message ${number}`));
    await Promise.all(sent);
  }

  async push({ messages, size }) {
    const flow = new Flow();
    for (let number = 0; number < messages; number += 1) {
      const payload = randomBytes(size);
      await this.#frame(payload);
      flow.add({ payload, isBinary: true });
      this.#pushed = flow.bytes;
    }
    return flow.report();
  }

  pushed() {
    return this.#pushed;
  }

  async echo({ messages }) {
    for (let number = 0; number < messages; number += 1) {
      const { payload, isBinary } = await this.#inbox.next();
      await this.#frame(payload, { binary: isBinary });
    }
  }

  pause() {
    this.#socket.pause();
  }

  async receive({ messages }) {
    this.#socket.resume();
    const flow = new Flow();
    while (messages === null || flow.messages < messages) {
      const message = await this.#inbox.next();
      if (message === null) break;
      flow.add(message);
    }
    return flow.report();
  }

  async ping({ payload }) {
    const answered = new Promise((resolve) => {
      this.#socket.on('pong', (echoed) => echoed.toString() === payload && resolve());
    });
    this.#socket.ping(payload);
    await answered;
  }

  close({ code, reason }) {
    this.#socket.close(code, reason);
    return this.#seen;
  }

  closed() {
    return this.#seen;
  }

  drop() {
    this.#socket.terminate();
  }
}

/** With compression, every message is compressed, however short. */
function compression(deflate) {
  return deflate ? { threshold: 0 } : false;
}

obey(new Peer());
