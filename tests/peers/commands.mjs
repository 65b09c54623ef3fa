// How a test leads these programs: one JSON command a line comes in, {"id", "action", "arguments"}; one JSON reply a
// line goes out, {"id", "value"} or {"id", "error"}. Commands run side by side.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

/** Loads a package from the folder that `cargo xtask setup` fills. */
export const requireTool = createRequire(`${process.env.TIDEGATE_TOOLS}/`);

/** Obeys commands with the methods of `peer` until the input ends; then `leave` is the last thing done. */
export function obey(peer, leave = () => {}) {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', async (line) => {
    const { id, action, arguments: named } = JSON.parse(line);
    let reply;
    try {
      reply = { id, value: (await peer[action](named)) ?? null };
    } catch (error) {
      reply = { id, error: String(error) };
    }
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  });
  lines.on('close', async () => {
    await leave();
    process.exit(0);
  });
}
