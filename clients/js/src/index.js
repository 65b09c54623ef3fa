/** WebSocketStream with backpressure, in every browser and runtime, Connection, which outlives a WebSocket, and uploads. */

export * from "./stream.js";
export { Connection } from "./connection.js";
export { UploadError } from "./upload/error.js";
export { discard } from "./upload.js";
export { upload } from "./upload.js";

/**
 * @typedef {import("./connection/options.js").ConnectionOptions} ConnectionOptions
 * @typedef {import("./transport/names.js").TransportName} TransportName
 * @typedef {import("./upload/error.js").UploadErrorKind} UploadErrorKind
 * @typedef {import("./upload/options.js").UploadBeginning} UploadBeginning
 * @typedef {import("./upload/options.js").UploadOptions} UploadOptions
 * @typedef {import("./upload/options.js").UploadPlatform} UploadPlatform
 * @typedef {import("./upload/options.js").UploadResult} UploadResult
 * @typedef {import("./upload/options.js").UploadStore} UploadStore
 * @typedef {import("./upload/progress.js").UploadProgress} UploadProgress
 */
