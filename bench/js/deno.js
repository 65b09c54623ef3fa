// Deno's own server, as its documentation shows it. It compresses when the client offers it; no setting is known.
import { announce, cannot, setup } from "./setup.mjs";

if (setup.task === "firehose" || setup.level !== undefined) cannot();

const sockets = new Set();

Deno.serve(
  { hostname: setup.hostname, port: setup.port, ...setup.tls, onListen: ({ port }) => announce(port) },
  (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
    socket.binaryType = "arraybuffer";
    socket.onopen = () => sockets.add(socket);
    socket.onclose = () => sockets.delete(socket);
    socket.onerror = () => sockets.delete(socket);
    socket.onmessage = ({ data }) => {
      if (setup.task !== "broadcast") return socket.send(data);
      for (const other of sockets) if (other !== socket && other.readyState === WebSocket.OPEN) other.send(data);
    };
    return response;
  },
);
