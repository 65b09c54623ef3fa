// The npm package ws on Node, as its documentation shows it.
import { createServer as createHttp } from "node:http";
import { createServer as createHttps } from "node:https";
import { createRequire } from "node:module";
import process from "node:process";
import { announce, setup } from "./setup.mjs";

// It is installed beside the other tools, not beside this file.
const { WebSocket, WebSocketServer } = createRequire(`${process.env.BENCH_NPM}/`)("ws");

const perMessageDeflate =
  setup.level === undefined ? false : { zlibDeflateOptions: { level: setup.level }, threshold: 0 };
const server = setup.tls ? createHttps(setup.tls) : createHttp();
const sockets = new WebSocketServer({ server, perMessageDeflate });

sockets.on("connection", (socket) => {
  socket.on("error", () => {});
  if (setup.task === "firehose") {
    const next = (error) => error || socket.send(setup.firehose, next);
    next();
  } else if (setup.task === "broadcast") {
    socket.on("message", (data, binary) => {
      for (const other of sockets.clients) {
        if (other !== socket && other.readyState === WebSocket.OPEN) other.send(data, { binary });
      }
    });
  } else {
    socket.on("message", (data, binary) => socket.send(data, { binary }));
  }
});

server.listen(setup.port, setup.hostname, () => announce(server.address().port));
