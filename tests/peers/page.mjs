// The page that a tab of Chromium shows: one native WebSocketStream, led by a test.

const encoder = new TextEncoder();

/** What went one way, told so that the other end can compare. */
class Flow {
  messages = 0;
  bytes = 0;
  types = new Set();
  #parts = [];

  add(message) {
    const isText = typeof message === 'string';
    const payload = isText ? encoder.encode(message) : message;
    const head = new DataView(new ArrayBuffer(5));
    head.setUint8(0, (isText ? 't' : 'b').charCodeAt(0));
    head.setUint32(1, payload.byteLength);
    this.#parts.push(head.buffer, payload);
    this.messages += 1;
    this.bytes += payload.byteLength;
    this.types.add(isText ? 'string' : message.constructor.name);
  }

  async report() {
    const all = await new Blob(this.#parts).arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-1', all));
    const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return { messages: this.messages, bytes: this.bytes, digest: hex, types: [...this.types].sort() };
  }
}

/** Every method is a command. */
class Peer {
  #socket;
  #reader;
  #writer;
  #pushed = 0;

  async connect({ url, protocols }) {
    this.#socket = new WebSocketStream(url, protocols.length > 0 ? { protocols } : {});
    // Asked for again by `closed`; without this a failure would be told as unhandled too.
    this.#socket.closed.catch(() => {});
    const { readable, writable, protocol, extensions } = await this.#socket.opened;
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    this.#writer.closed.catch(() => {});
    return { protocol, extensions, deflate: extensions.includes('permessage-deflate') };
  }

  /** Asks for a page whatever the answer, so that a connection to its server is there. */
  async visit({ url }) {
    await fetch(url, { mode: 'no-cors', credentials: 'include', cache: 'no-store' });
  }

  async count({ messages }) {
    for (let number = 0; number < messages; number += 1) await this.#writer.write(`message ${number}`);
  }

  async push({ messages, size }) {
    const flow = new Flow();
    for (let number = 0; number < messages; number += 1) {
      const message = crypto.getRandomValues(new Uint8Array(size));
      await this.#writer.write(message);
      flow.add(message);
      this.#pushed = flow.bytes;
    }
    return flow.report();
  }

  pushed() {
    return this.#pushed;
  }

  async echo({ messages }) {
    for (let number = 0; number < messages; number += 1) {
      const { value } = await this.#reader.read();
      await this.#writer.write(value);
    }
  }

  /** Nothing to do: what nobody reads is not taken, beyond a few messages. */
  pause() {}

  async receive({ messages }) {
    const flow = new Flow();
    while (messages === null || flow.messages < messages) {
      const { done, value } = await this.#reader.read();
      if (done) break;
      flow.add(value);
    }
    return flow.report();
  }

  close({ code, reason }) {
    this.#socket.close({ closeCode: code, reason });
    return this.closed();
  }

  async closed() {
    const { closeCode, reason } = await this.#socket.closed;
    return { code: closeCode, reason };
  }
}

window.peer = new Peer();
