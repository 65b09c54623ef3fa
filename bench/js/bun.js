// Bun's own server, which is uWebSockets, as its documentation shows it.
import { announce, setup } from "./setup.mjs";

// The levels of zlib cannot be chosen; what is offered are compressors with windows of a size.
const perMessageDeflate =
  setup.level === undefined ? false : { compress: setup.level === 1 ? "shared" : "dedicated", decompress: true };
const compress = setup.level !== undefined;

function pour(socket) {
  // -1: backpressure, to be continued at drain.
  while (socket.send(setup.firehose) > 0);
}

const server = Bun.serve({
  port: setup.port,
  hostname: setup.hostname,
  tls: setup.tls,
  fetch(request, server) {
    return server.upgrade(request) ? undefined : new Response("WebSocket only", { status: 426 });
  },
  websocket: {
    perMessageDeflate,
    idleTimeout: 0,
    open(socket) {
      if (setup.task === "broadcast") socket.subscribe("room");
      if (setup.task === "firehose") pour(socket);
    },
    message(socket, message) {
      if (setup.task === "broadcast") socket.publish("room", message);
      else socket.send(message, compress);
    },
    drain(socket) {
      if (setup.task === "firehose") pour(socket);
    },
  },
});
announce(server.port);
