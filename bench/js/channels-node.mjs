// A channel as people write one with node:http: no history, and nobody waits for a reader.
import { createServer } from "node:http";

const streams = { "/events": new Set(), "/stream": new Set() };
let pollers = [];

const server = createServer(async (request, response) => {
  if (request.method === "POST") {
    request.setEncoding("utf8");
    let text = "";
    for await (const part of request) text += part;
    const event = `data: ${text}\n\n`;
    const line = `${JSON.stringify({ data: text })}\n`;
    for (const reader of streams["/events"]) reader.write(event);
    for (const reader of streams["/stream"]) reader.write(line);
    const waiting = pollers;
    pollers = [];
    for (const poller of waiting) poller.end(text);
    response.end();
  } else if (request.url === "/longpoll") {
    pollers.push(response);
  } else {
    const readers = streams[request.url];
    const type = request.url === "/events" ? "text/event-stream" : "application/x-ndjson";
    response.writeHead(200, { "Content-Type": type });
    response.flushHeaders();
    readers.add(response);
    request.on("close", () => readers.delete(response));
  }
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => console.log(`http://127.0.0.1:${server.address().port}`));
