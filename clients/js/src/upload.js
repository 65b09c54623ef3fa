import { Progress } from "./upload/progress.js";
import { Task } from "./upload/task.js";
import { alone } from "./upload/alone.js";
import { optionsOf } from "./upload/options.js";

/**
 * Uploads a file to a server that speaks tus 1.0.0, in as many goes as the network needs: what the server has is not
 * sent again, neither after a loss nor, where there is a store and the file has a fingerprint, after a reload.
 *
 * To pause, abort the signal; to go on, call this again. The file is read in slices, as they are sent.
 *
 * @param {Blob} file a File, or a Blob
 * @param {string | URL} url where uploads are created, of http or https; relative to the page
 * @param {import("./upload/options.js").UploadOptions} [options]
 * @returns {Promise<import("./upload/options.js").UploadResult>} rejects with an `UploadError`, or with the signal's own
 *   reason
 */
export async function upload(file, url, options) {
  const choices = optionsOf(file, url, options);
  choices.signal.throwIfAborted();
  return alone(choices, async () => new Task(choices, new Progress(file.size, choices.onprogress)).run());
}

/**
 * Gives up for good what an upload has left: forgets it, and asks the server to remove it. An upload that is under way
 * is to be aborted first.
 *
 * @param {Blob} file
 * @param {string | URL} url where it was created
 * @param {import("./upload/options.js").UploadOptions} [options] those of the upload
 * @returns {Promise<void>} once it is forgotten and the server has answered, or is not there
 */
export async function discard(file, url, options) {
  const choices = optionsOf(file, url, options);
  await alone(choices, async () => new Task(choices, new Progress(file.size, () => {})).discard());
}

export { UploadError } from "./upload/error.js";

/**
 * @typedef {import("./upload/options.js").UploadOptions} UploadOptions
 * @typedef {import("./upload/options.js").UploadResult} UploadResult
 * @typedef {import("./upload/options.js").UploadBeginning} UploadBeginning
 * @typedef {import("./upload/options.js").UploadPlatform} UploadPlatform
 * @typedef {import("./upload/options.js").UploadStore} UploadStore
 * @typedef {import("./upload/progress.js").UploadProgress} UploadProgress
 */
