/** The page of the uploads: files that are dropped or chosen, and what others upload. */

import { UploadRow } from "./upload_row.js";
import { byId, storage } from "./dom.js";
import { startTerminal } from "./terminal.js";
import { startViewer } from "./viewer.js";

/**
 * What a reload leaves of an upload. A page cannot keep a file, so it is to be chosen again.
 *
 * @typedef {object} Remembered
 * @property {string} fingerprint
 * @property {string} name
 * @property {number} size
 * @property {number} durable
 */

const KEY = "tidegate-uploads";
const MOST_REMEMBERED = 50;

const kept = storage("localStorage");
/** @type {Map<string, UploadRow>} by the fingerprints of their files */
const rows = new Map();

/** @returns {Remembered[]} */
function remembered() {
  try {
    const list = JSON.parse(kept.get(KEY) ?? "[]");
    return Array.isArray(list) ? list.filter(({ fingerprint, name }) => fingerprint && name) : [];
  } catch {
    return [];
  }
}

function remember() {
  const unfinished = [...rows.values()].filter((row) => !row.isOver);
  const list = unfinished.slice(-MOST_REMEMBERED).map(({ fingerprint, name, size, durable }) => {
    return { fingerprint, name, size, durable };
  });
  kept.set(KEY, JSON.stringify(list));
}

/** @param {Remembered} what */
function show(what) {
  const row = new UploadRow(what, { onchange: remember, onremove: () => rows.delete(what.fingerprint) });
  rows.set(what.fingerprint, row);
  byId("rows", HTMLUListElement).prepend(row.element);
  return row;
}

/** @param {Iterable<File>} files */
function take(files) {
  for (const file of files) {
    const { name, size, lastModified } = file;
    const fingerprint = [name, size, lastModified].join(" ");
    let row = rows.get(fingerprint);
    if (!row || row.isOver) {
      row?.element.remove();
      row = show({ fingerprint, name, size, durable: 0 });
    }
    row.start(file);
  }
}

function startDropping() {
  const [drop, input] = [byId("drop", HTMLLabelElement), byId("files", HTMLInputElement)];
  input.addEventListener("change", () => {
    take(input.files ?? []);
    input.value = "";
  });
  // Anywhere on the page, so that a file that misses the field does not take its place.
  addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.dataset.over = "";
  });
  addEventListener("dragleave", ({ relatedTarget }) => {
    if (!relatedTarget) delete drop.dataset.over;
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    delete drop.dataset.over;
    take(event.dataTransfer?.files ?? []);
  });
}

for (const what of remembered()) show(what);
startDropping();
startViewer();
startTerminal();
