import { runLane } from "./lane.js";

self.onmessage = async ({ data }) => {
  const results = await runLane(data, (name) => self.postMessage({ name }));
  self.postMessage({ results });
};
