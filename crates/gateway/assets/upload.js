/** The page of the uploads: files that are dropped or chosen, and what others upload. */

import { UploadRow } from "./upload_row.js";
import { byId } from "./dom.js";
import { dropped, fingerprintOf, onChosen } from "./chosen.js";
import { remembered, whenChanged } from "./kept.js";
import { startTerminal } from "./terminal.js";
import { startViewer } from "./viewer.js";

/** @type {Map<string, UploadRow>} by the fingerprints of their files */
const rows = new Map();

/** @param {import("./kept.js").Remembered} what */
function show(what) {
  const row = new UploadRow(what, () => rows.delete(what.fingerprint));
  rows.set(what.fingerprint, row);
  byId("rows", HTMLUListElement).prepend(row.element);
  return row;
}

/** @param {import("./chosen.js").Chosen[]} files */
function take(files) {
  for (const chosen of files) {
    const { name, size, lastModified: changed } = chosen.file;
    const fingerprint = fingerprintOf(chosen.file);
    let row = rows.get(fingerprint);
    if (!row || row.isOver) {
      row?.element.remove();
      row = show({ fingerprint, name, size, changed, durable: 0, url: "" });
    }
    row.start(chosen);
  }
}

function startDropping() {
  const drop = byId("drop", HTMLLabelElement);
  onChosen(byId("files", HTMLInputElement), take);
  // Anywhere on the page, so that a file that misses the field does not take its place.
  addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.dataset.over = "";
  });
  addEventListener("dragleave", ({ relatedTarget }) => {
    if (!relatedTarget) delete drop.dataset.over;
  });
  addEventListener("drop", async (event) => {
    event.preventDefault();
    delete drop.dataset.over;
    take(await dropped(event.dataTransfer));
  });
}

/** What another tab has finished, or given up, nobody goes on with here. */
function followOtherTabs() {
  whenChanged(() => {
    const left = new Set(remembered().map(({ fingerprint }) => fingerprint));
    for (const [fingerprint, row] of rows) {
      if (row.state !== "waiting" || left.has(fingerprint)) continue;
      row.element.remove();
      rows.delete(fingerprint);
    }
  });
}

for (const what of remembered()) show(what).recall();
startDropping();
followOtherTabs();
startViewer();
startTerminal();
