import { runAll } from "../contract/all.js";
import { LANES } from "../lanes.js";

/**
 * @param {{ lane: string, url: string, only?: string }} order
 * @param {(name: string) => void} onProgress the name of the last test that has ended
 */
export function runLane({ lane, url, only }, onProgress) {
  const options = LANES[lane];
  return runAll({ name: lane, url, options }, ({ name }) => onProgress(name), only ?? "");
}
