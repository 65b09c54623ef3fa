// What every contender takes on its command line: TASK ADDRESS [CERTIFICATE KEY].
import { readFileSync } from "node:fs";
import process from "node:process";

const [task, address, certificate, key] = process.argv.slice(2);
const [hostname, port] = address.split(":");

export const setup = {
  task,
  hostname,
  port: Number(port),
  tls: key === undefined ? undefined : { cert: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") },
  /** The compression level, or undefined when there is to be no compression. */
  level: { "deflate-fast": 1, "deflate-small": 6 }[task],
  firehose: new Uint8Array(16 * 1024).fill(120),
};

/** Says where the server listens. */
export function announce(port) {
  console.log(`${setup.tls ? "wss" : "ws"}://${hostname}:${port}`);
}

/** A contender that has no such task ends with this. */
export function cannot() {
  console.error(`${task} is not something this contender does`);
  process.exit(2);
}
