// Uploads one file with the browser package, as a line of standard input says: {"url", "file", "options"}. Tells on
// standard output, as JSON, what it came to.
import { openAsBlob } from 'node:fs';
import { createInterface } from 'node:readline';
import { upload } from '../../clients/js/src/upload.js';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { url, file, options } = JSON.parse((await lines.next()).value);
const told = { retries: 0, durableDecreased: false, monitor: '' };
let durable = 0;
try {
  const result = await upload(await openAsBlob(file), url, {
    ...options,
    onbegin: ({ monitor }) => {
      told.monitor = monitor;
    },
    onretry: () => {
      told.retries += 1;
    },
    onprogress: (progress) => {
      if (progress.durable < durable) told.durableDecreased = true;
      durable = progress.durable;
    },
  });
  Object.assign(told, result);
} catch (error) {
  Object.assign(told, { error: error.name, kind: error.kind, status: error.status, message: error.message });
}
console.log(JSON.stringify(told));
