// Says each line of its input to an echo, and prints what comes back, whatever carries it meanwhile.
//
//   cargo run --package tidegate --example connection_server -- 127.0.0.1:9006
//   node example/talk.js http://127.0.0.1:9006
//
// Node 20 has no WebSocket of its own, so there it goes by an HTTP stream. Without a network for a while it goes on
// where it stopped.
import { createInterface } from "node:readline";
import { Connection } from "tidegate-connection";

const connection = new Connection(process.argv[2], { ontransport: (name) => console.error(`by ${name || "nothing"}`) });
const { readable, writable } = await connection.opened;
const said = (async () => {
  const writer = writable.getWriter();
  for await (const line of createInterface({ input: process.stdin })) await writer.write(line);
  await writer.close();
})();
for await (const message of readable) console.log(message);
await said;
const { closeCode } = await connection.closed;
console.log(`closed: ${closeCode}`);
