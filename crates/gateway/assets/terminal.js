/** Command lines with this server's address filled in, each with a copy button. */

import { create, socketOrigin } from "./dom.js";

const FEEDBACK_MS = 1600;

/** Fills in the lines and gives each a button. */
export function startTerminal() {
  for (const line of document.querySelectorAll("[data-command]")) {
    if (!(line instanceof HTMLElement)) continue;
    const command = line.dataset.command?.replace("ORIGIN", socketOrigin).replace("HTTP", location.origin);
    const code = create("code", "", command);
    const button = create("button", "copy", "Copy");
    button.setAttribute("type", "button");
    button.setAttribute("aria-label", `Copy: ${code.textContent}`);
    button.addEventListener("click", async () => {
      const copied = await copy(code);
      button.textContent = copied ? "Copied" : "Press Ctrl+C";
      setTimeout(() => { button.textContent = "Copy"; }, FEEDBACK_MS);
    });
    line.replaceChildren(code, button);
  }
}

/**
 * The clipboard is there only in secure contexts; elsewhere the line is selected for the user.
 * @param {HTMLElement} code
 * @returns {Promise<boolean>}
 */
async function copy(code) {
  try {
    await navigator.clipboard.writeText(code.textContent ?? "");
    return true;
  } catch {
    getSelection()?.selectAllChildren(code);
    return false;
  }
}
