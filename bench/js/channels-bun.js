// A channel by Bun's own publish, as its documentation shows it.
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request, server) {
    if (request.method === "POST") {
      server.publish("b", await request.text());
      return new Response();
    }
    return server.upgrade(request) ? undefined : new Response("WebSocket only", { status: 426 });
  },
  websocket: {
    idleTimeout: 0,
    open(socket) {
      socket.subscribe("b");
    },
    message() {},
  },
});
console.log(`http://127.0.0.1:${server.port}`);
