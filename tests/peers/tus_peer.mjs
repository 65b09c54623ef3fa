// Uploads by npm's tus-js-client, in its own protocol and in the draft's, and by @uppy/tus over it.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

import { obey, requireTool } from './commands.mjs';

const tus = requireTool('tus-js-client');

// What breaks is tried again soon, and often enough for every cut that a test makes.
const retryDelays = Array.from({ length: 40 }, () => 20);

/** Uploads a file, and tells where it is, and how many requests that took. */
function upload({ url, path, protocol, chunkSize, parallel, uploadUrl, deferred }) {
  const bytes = readFileSync(path);
  let requests = 0;
  return new Promise((resolve, reject) => {
    const upload = new tus.Upload(bytes, {
      endpoint: url,
      uploadUrl,
      protocol,
      chunkSize: chunkSize ?? Infinity,
      parallelUploads: parallel ?? 1,
      uploadLengthDeferred: deferred ?? false,
      retryDelays,
      metadata: { filename: basename(path), filetype: 'application/octet-stream' },
      onAfterResponse: () => {
        requests += 1;
      },
      onError: reject,
      onSuccess: () => resolve({ url: upload.url, requests }),
    });
    upload.start();
  });
}

/** Uploads a part of a file, then stops, and tells where it is. */
function abandon({ url, path, protocol, chunkSize }) {
  const bytes = readFileSync(path);
  return new Promise((resolve, reject) => {
    const upload = new tus.Upload(bytes, {
      endpoint: url,
      protocol,
      chunkSize,
      retryDelays,
      onError: reject,
      onChunkComplete: () => upload.abort().then(() => resolve({ url: upload.url }), reject),
    });
    upload.start();
  });
}

/** Uploads a file by @uppy/tus. */
async function uppy({ url, path, chunkSize }) {
  const packages = `${process.env.TIDEGATE_TOOLS}/node_modules/@uppy`;
  const { default: Uppy } = await import(`${packages}/core/lib/index.js`);
  const { default: Tus } = await import(`${packages}/tus/lib/index.js`);
  const quiet = { debug() {}, warn() {}, error() {} };
  const uppy = new Uppy({ logger: quiet });
  uppy.use(Tus, { endpoint: url, retryDelays, chunkSize: chunkSize ?? Infinity });
  uppy.addFile({ name: basename(path), type: 'application/octet-stream', data: readFileSync(path) });
  const { successful, failed } = await uppy.upload();
  if (failed.length > 0) {
    throw failed[0].error;
  }
  return { url: successful[0].uploadURL };
}

/** Removes an upload. */
async function terminate({ url }) {
  await tus.Upload.terminate(url, { retryDelays: null });
}

obey({ upload, abandon, uppy, terminate });
