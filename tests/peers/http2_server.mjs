// A WebSocket server over HTTP/2: Node's http2 takes the extended CONNECT (RFC 8441), and the package ws speaks on the
// stream. It echoes, and closes when it is told to.
import { createSecureServer, createServer } from 'node:http2';
import { obey, requireTool } from './commands.mjs';

const { WebSocket, PerMessageDeflate, extension } = requireTool('ws');

const NAME = PerMessageDeflate.extensionName;
const sockets = [];
let server;

/** Agrees on compression where it is offered; gives the header of the response, and the extensions. */
function negotiate(offered) {
  if (!offered) return [undefined, {}];
  const deflate = new PerMessageDeflate({ threshold: 0, isServer: true, maxPayload: 0 });
  const offers = extension.parse(offered);
  if (!offers[NAME]) return [undefined, {}];
  deflate.accept(offers[NAME]);
  return [extension.format({ [NAME]: [deflate.params] }), { [NAME]: deflate }];
}

/** What the package's own server does once an upgrade is done, on a stream instead of a TCP socket. */
function open(stream, extensions) {
  const socket = new WebSocket(null, undefined, { autoPong: true, closeTimeout: 30_000 });
  socket._extensions = extensions;
  socket.setSocket(stream, Buffer.alloc(0), {
    allowSynchronousEvents: true,
    maxPayload: 0,
    skipUTF8Validation: false,
  });
  return socket;
}

function take(stream, headers) {
  stream.on('error', () => {});
  if (headers[':method'] !== 'CONNECT' || headers[':protocol'] !== 'websocket') {
    stream.respond({ ':status': 405 }, { endStream: true });
    return;
  }
  const [answer, extensions] = negotiate(headers['sec-websocket-extensions']);
  const response = { ':status': 200 };
  if (answer) response['sec-websocket-extensions'] = answer;
  stream.respond(response);
  const socket = open(stream, extensions);
  const record = { path: headers[':path'], key: headers['sec-websocket-key'] ?? null, socket };
  record.closed = new Promise((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  sockets.push(record);
  socket.on('error', () => {});
  socket.on('message', (data, isBinary) => {
    socket.send(data, { binary: isBinary });
  });
}

obey({
  /** Listens; `certificate` asks for TLS. */
  listen({ certificate }) {
    const settings = { enableConnectProtocol: true };
    const secure = certificate && { cert: certificate.chain, key: certificate.key };
    server = secure ? createSecureServer({ settings, ...secure }) : createServer({ settings });
    server.on('stream', take);
    return new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve({ port: server.address().port }));
    });
  },

  /** How many sockets there were, on how many connections; what the last one asked. */
  asked() {
    const { path, key } = sockets.at(-1);
    const sessions = new Set(sockets.map(({ socket }) => socket._socket?.session).filter(Boolean));
    return { sockets: sockets.length, sessions: sessions.size, path, key };
  },

  /** Closes the socket of this path. */
  close({ path, code, reason }) {
    sockets.find((record) => record.path === path).socket.close(code, reason);
  },

  /** How the socket of this path has ended. */
  closed({ path }) {
    return sockets.find((record) => record.path === path).closed;
  },
});
