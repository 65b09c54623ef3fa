// Runs the contract tests of one lane in a window or in a worker.
import { runLane } from "./lane.js";

const { lane, url, scope, only } = Object.fromEntries(new URLSearchParams(location.search));
const page = /** @type {any} */ (window);
const progress = (/** @type {string} */ name) => {
  page.progress = name;
};
if (scope === "worker") {
  const worker = new Worker("worker.js", { type: "module" });
  worker.onmessage = ({ data }) => {
    if (data.name) progress(data.name);
    else page.result = data.results;
  };
  worker.onerror = (event) => {
    page.result = [{ name: "the worker", error: event.message }];
  };
  worker.postMessage({ lane, url, only });
} else {
  page.result = await runLane({ lane, url, only }, progress);
}
