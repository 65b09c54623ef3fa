// Serves the package's folder to a browser.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";

const ROOT = new URL("../../", import.meta.url);
const TYPES = { ".js": "text/javascript", ".html": "text/html; charset=utf-8" };

/**
 * A file of the package.
 *
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 */
export async function answerFile(request, response) {
  const { pathname: path, searchParams } = new URL(request.url ?? "/", "http://x");
  const type = /** @type {Record<string, string>} */ (TYPES)[extname(path)];
  // `URL` has resolved every `..`, so what is left is below the root.
  const body = type && (await readFile(new URL(`.${path}`, ROOT)).catch(() => undefined));
  // A page that is not to be stored is not kept when it is left.
  const cache = searchParams.has("keep") ? "no-cache" : "no-store";
  if (body) response.writeHead(200, { "content-type": type, "cache-control": cache }).end(body);
  else response.writeHead(404).end();
}

/**
 * @param {(body: string) => Promise<string>} [post] answers what a page posts
 * @returns {Promise<{ origin: string, close: () => void }>}
 */
export async function serve(post) {
  const server = createServer(async (request, response) => {
    if (!post || request.method !== "POST") return answerFile(request, response);
    let said = "";
    for await (const part of request) said += part;
    return response.end(await post(said));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { origin: `http://127.0.0.1:${address.port}`, close };
}
