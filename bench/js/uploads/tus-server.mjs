// The npm package @tus/server on Node, as its documentation shows it. FOLDER is where the files go.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import process from "node:process";
import { pathToFileURL } from "node:url";

// They are installed beside the other tools, not beside this file.
const { resolve } = createRequire(`${process.env.BENCH_NPM}/`);
const load = (name) => import(pathToFileURL(resolve(name)).href);
const { Server } = await load("@tus/server");
const { FileStore } = await load("@tus/file-store");

const tus = new Server({ path: "/files", datastore: new FileStore({ directory: process.argv[2] }) });
const server = createServer((request, response) => tus.handle(request, response));
server.requestTimeout = 0;
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
