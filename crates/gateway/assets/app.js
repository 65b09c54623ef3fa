/** Starts the parts of the demo page. Each part works without the others. */

import { startChat } from "./chat.js";
import { startFirehose } from "./firehose.js";
import { startHello } from "./hello.js";
import { startTerminal } from "./terminal.js";

for (const start of [startFirehose, startChat, startHello, startTerminal]) {
  try {
    start();
  } catch (error) {
    console.error(error);
  }
}
