// Prints what a Tidegate server sends, as slowly as it likes; meanwhile the server waits.
//
//   cargo run -p tidegate-cli -- demo --port 8080
//   node example/feed.js ws://127.0.0.1:8080/firehose
//
// Node 20 has no WebSocket of its own: npm install ws.
import { WebSocketStream } from "tidegate";

const platform = globalThis.WebSocket ? {} : { WebSocket: (await import("ws")).default };
const socket = new WebSocketStream(process.argv[2], { credits: true, platform });
const { readable } = await socket.opened;
for await (const message of readable) {
  console.log(typeof message === "string" ? message : `${message.byteLength} bytes`);
  await new Promise((resolve) => setTimeout(resolve, 100));
}
const { closeCode, reason } = await socket.closed;
console.log(`closed: ${closeCode} ${reason}`);
