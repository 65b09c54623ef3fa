/** The client of a tutorial: it asks how much the server has, and posts the rest. */

const form = /** @type {HTMLFormElement} */ (document.forms.namedItem("upload"));
const log = document.getElementById("log");
/** @type {XMLHttpRequest | undefined} */
let sending;

/** @param {string} text */
function show(text) {
  log?.append(Object.assign(document.createElement("div"), { textContent: text }));
  log?.scrollTo(0, log.scrollHeight);
}

/** A header holds Latin-1 alone, without line breaks. @param {File} file */
function idOf({ name, size, lastModified }) {
  const id = `${name}-${size}-${lastModified}`;
  return /^[ -~\u00a0-\u00ff]*$/.test(id) ? id : encodeURIComponent(id);
}

/** @param {string} id */
async function bytesThere(id) {
  const response = await fetch("status", { headers: { "X-File-Id": id } });
  if (response.status !== 200) throw new Error(`status: ${response.status} ${response.statusText}`);
  return Number(await response.text());
}

/** @param {File} file @param {string} id @param {number} start */
function post(file, id, start) {
  return new Promise((resolve, reject) => {
    sending = new XMLHttpRequest();
    sending.open("POST", "upload", true);
    sending.setRequestHeader("X-File-Id", id);
    sending.setRequestHeader("X-Start-Byte", `${start}`);
    sending.onloadend = () => {
      const { status = 0, statusText = "" } = sending ?? {};
      if (status === 200) resolve(undefined);
      else reject(new Error(status === 0 ? "the connection was lost" : `upload: ${status} ${statusText}`));
    };
    sending.send(file.slice(start));
  });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const input = form.elements.namedItem("file");
  const file = input instanceof HTMLInputElement ? input.files?.[0] : undefined;
  if (!file) return;
  try {
    const id = idOf(file);
    const start = await bytesThere(id);
    show(`the server has ${start} of ${file.size} bytes`);
    await post(file, id, start);
    show(`done: the server has ${await bytesThere(id)} bytes`);
  } catch (error) {
    show(`${error instanceof Error ? error.message : error}`);
  }
});

document.getElementById("stop")?.addEventListener("click", () => sending?.abort());
