// Serves the package's folder to a browser.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";

const ROOT = new URL("../../", import.meta.url);
const TYPES = { ".js": "text/javascript", ".html": "text/html; charset=utf-8" };

/**
 * @param {(body: string) => Promise<string>} [post] answers what a page posts
 * @returns {Promise<{ origin: string, close: () => void }>}
 */
export async function serve(post) {
  const server = createServer(async (request, response) => {
    if (post && request.method === "POST") {
      let said = "";
      for await (const part of request) said += part;
      return response.end(await post(said));
    }
    const path = new URL(request.url ?? "/", "http://x").pathname;
    const type = /** @type {Record<string, string>} */ (TYPES)[extname(path)];
    // `URL` has resolved every `..`, so what is left is below the root.
    const body = type && (await readFile(new URL(`.${path}`, ROOT)).catch(() => undefined));
    if (body) response.writeHead(200, { "content-type": type, "cache-control": "no-store" }).end(body);
    else response.writeHead(404).end();
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
