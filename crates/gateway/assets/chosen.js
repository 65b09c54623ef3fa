/** Files that a person chooses or drops: with a handle, by which to have them again after a reload, where there is one. */

/**
 * A handle, as Chromium has it (File System Access).
 *
 * @typedef {FileSystemFileHandle & { requestPermission: (how: { mode: "read" }) => Promise<PermissionState> }} FileHandle
 *
 * @typedef {object} Chosen
 * @property {File} file
 * @property {FileHandle} [handle]
 */

/** The same file has the same. @param {File} file */
export function fingerprintOf({ name, size, lastModified }) {
  return [name, size, lastModified].join(" ");
}

/** Tells what is chosen with a field. @param {HTMLInputElement} input @param {(chosen: Chosen[]) => void} take */
export function onChosen(input, take) {
  input.addEventListener("change", () => {
    take(Array.from(input.files ?? [], (file) => ({ file })));
    input.value = "";
  });
  let mayPick = "showOpenFilePicker" in window;
  input.addEventListener("click", async (event) => {
    if (!mayPick) return;
    event.preventDefault();
    try {
      /** @type {FileHandle[]} */
      const handles = await /** @type {any} */ (window).showOpenFilePicker({ multiple: input.multiple });
      take(await Promise.all(handles.map(async (handle) => ({ handle, file: await handle.getFile() }))));
    } catch (error) {
      // Closed without a choice; or a frame, say, that may not ask this way.
      mayPick = error instanceof DOMException && error.name === "AbortError";
      if (!mayPick) input.click();
    }
  });
}

/** What was dropped. @param {DataTransfer | null} data @returns {Promise<Chosen[]>} */
export async function dropped(data) {
  // When the event is over there is nothing any more, so all is asked for at once.
  const items = Array.from(data?.items ?? []).filter(({ kind }) => kind === "file");
  const asked = items.map((item) => {
    const handle = "getAsFileSystemHandle" in item ? /** @type {any} */ (item).getAsFileSystemHandle() : undefined;
    return { file: item.getAsFile(), handle: Promise.resolve(handle).catch(() => undefined) };
  });
  const all = await Promise.all(asked.map(async ({ file, handle }) => ({ file, handle: await handle })));
  return all.flatMap(({ file, handle }) => {
    if (!file) return [];
    return [handle?.kind === "file" ? { file, handle } : { file }];
  });
}

/**
 * The file of a handle, once it may be read. To be called in a click, by which the browser may be made to ask.
 *
 * @param {FileHandle} handle
 * @returns {Promise<File | undefined>} nothing where that is not allowed; rejects where the file is not there
 */
export async function fileOf(handle) {
  const permission = await handle.requestPermission({ mode: "read" });
  return permission === "granted" ? handle.getFile() : undefined;
}
