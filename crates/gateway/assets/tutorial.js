/** The clients of a tutorial: one that publishes, and one that asks again and again. */

const form = document.forms.namedItem("publish");
const log = document.getElementById("subscribe");

/** @param {string} text */
function show(text) {
  log?.append(Object.assign(document.createElement("div"), { textContent: text }));
  log?.scrollTo(0, log.scrollHeight);
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  const input = form.elements.namedItem("message");
  if (!(input instanceof HTMLInputElement) || !input.value) return;
  fetch("/publish", { method: "POST", body: input.value });
  input.value = "";
});

async function subscribe() {
  let response = await fetch("/subscribe");
  if (response.status == 200) {
    show(await response.text());
  } else if (response.status != 502) {
    show(response.statusText);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  subscribe();
}

subscribe();
