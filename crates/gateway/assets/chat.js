/**
 * Chat by any transport: what a page sends, the server publishes to every open page.
 *
 * @typedef {object} ChatMessage
 * @property {number} offset
 * @property {string} name
 * @property {string} text
 * @property {number} at milliseconds since 1970
 * @property {string} via the transport of whoever wrote it
 */

import { byId, create, storage } from "./dom.js";
import { TRANSPORTS, openLink } from "./links.js";

const TEXT_LIMIT = 2000;
const NAME_LIMIT = 40;
/** Older messages leave the page. */
const SHOWN_LIMIT = 300;
const HUES = 6;
const GUESTS = ["Heron", "Otter", "Tern", "Curlew", "Plover", "Avocet", "Eider", "Gannet", "Dunlin", "Osprey"];

/** Starts the chat. */
export function startChat() {
  new Chat();
}

class Chat {
  #log = byId("chat-log", HTMLElement);
  #list = byId("chat-list", HTMLOListElement);
  #empty = byId("chat-empty", HTMLElement);
  #name = byId("chat-name", HTMLInputElement);
  #text = byId("chat-text", HTMLTextAreaElement);
  #send = byId("chat-send", HTMLButtonElement);
  #state = byId("chat-state", HTMLElement);
  #stateText = byId("chat-state-text", HTMLElement);
  #countdown = byId("chat-countdown", HTMLElement);
  #online = byId("chat-online", HTMLElement);
  #present = byId("chat-present", HTMLUListElement);
  #via = byId("chat-via", HTMLSelectElement);
  #how = byId("chat-how", HTMLElement);
  #own = new OwnMessages();
  /** Keys of the shown messages and gaps, oldest first. @type {Set<string>} */
  #shown = new Set();
  #rejoining = false;
  #gaps = 0;
  /** @type {import("./links.js").Link | undefined} */
  #link;

  constructor() {
    const asked = new URLSearchParams(location.search);
    const name = asked.get("name") ?? storage("localStorage").get(NAME_KEY);
    this.#name.value = name?.slice(0, NAME_LIMIT) || guestName();
    this.#name.addEventListener("change", () => this.#rename());
    byId("chat-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    for (const [via, { label }] of Object.entries(TRANSPORTS)) this.#via.append(new Option(label, via));
    const via = asked.get("via") ?? "";
    this.#via.value = via in TRANSPORTS ? via : "websocket";
    this.#via.addEventListener("change", () => this.#connect());
    this.#connect();
  }

  /** Comes in by the transport that is chosen. What was shown stays; what comes again is known by its key. */
  #connect() {
    this.#link?.close();
    const via = /** @type {import("./links.js").Via} */ (this.#via.value);
    this.#how.textContent = TRANSPORTS[via].how;
    let link;
    const isCurrent = () => link === undefined || link === this.#link;
    link = openLink(via, this.#name.value, {
      onState: (state, seconds) => isCurrent() && this.#showState(state, seconds),
      onText: (text) => isCurrent() && this.#receive(text),
    });
    this.#link = link;
  }

  #rename() {
    this.#name.value = this.#name.value.trim().slice(0, NAME_LIMIT) || guestName();
    storage("localStorage").set(NAME_KEY, this.#name.value);
  }

  #submit() {
    const text = this.#text.value.trim().slice(0, TEXT_LIMIT);
    const name = this.#name.value.trim().slice(0, NAME_LIMIT);
    this.#text.focus();
    if (!text || !name) return;
    if (!this.#link?.send(JSON.stringify({ name, text }))) return; // the text stays in its field
    this.#own.sent(name, text);
    this.#text.value = "";
  }

  /** @param {string} data */
  #receive(data) {
    const value = parse(data);
    if (typeof value.online === "number") {
      this.#online.textContent = `${value.online} online`;
      this.#online.hidden = false;
      if (Array.isArray(value.participants)) this.#showPresent(value.participants);
      if (this.#rejoining) this.#giveBack();
      return;
    }
    if (value.gap) return this.#addGap(value.gap.missed);
    const { offset, name, text, at } = value;
    const via = String(value.via);
    if (typeof offset !== "number" || typeof at !== "number") return;
    if (typeof name !== "string" || typeof text !== "string") return;
    this.#add({ offset, name: name.slice(0, NAME_LIMIT), text: text.slice(0, TEXT_LIMIT), at, via });
  }

  /** @param {ChatMessage} message */
  #add(message) {
    const key = keyOf(message);
    if (this.#shown.has(key)) return; // repeated after a reconnection
    const mine = this.#own.claims(message);
    this.#append(key, render(message, mine, this.#list.lastElementChild), mine);
  }

  /** Everybody who is there, each with its transport. @param {{ name: string, via: string }[]} participants */
  #showPresent(participants) {
    this.#present.replaceChildren(...participants.map(({ name, via }) => {
      const item = create("li", "participant");
      item.append(create("span", "participant-name", String(name)), badge(String(via)));
      return item;
    }));
  }

  /** The server keeps so much and no more: a page that was too slow for it is told. @param {number | null} missed */
  #addGap(missed) {
    this.#gaps += 1;
    const words = missed === 1 ? "1 message was missed" : `${missed ?? "Some"} messages were missed`;
    this.#append(`gap ${this.#gaps}`, create("li", "gap", words), false);
  }

  /** @param {string} key @param {HTMLElement} item @param {boolean} mine */
  #append(key, item, mine) {
    this.#shown.add(key);
    const atEnd = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < 80;
    this.#list.append(item);
    this.#empty.hidden = true;
    if (this.#shown.size > SHOWN_LIMIT) {
      this.#list.firstElementChild?.remove();
      this.#shown.delete(/** @type {string} */ (this.#shown.values().next().value));
    }
    if (mine || atEnd) this.#log.scrollTop = this.#log.scrollHeight;
  }

  /**
   * @param {import("./reconnect.js").LinkState} state
   * @param {number} seconds
   */
  #showState(state, seconds) {
    const words = { connecting: "Connecting", open: "Connected", waiting: "Connection lost, trying again" };
    this.#state.dataset.state = state;
    if (this.#stateText.textContent !== words[state]) this.#stateText.textContent = words[state];
    this.#countdown.textContent = state === "waiting" ? ` in ${seconds} s` : "";
    this.#send.disabled = state !== "open";
    if (state === "open") this.#rejoining = true;
    else this.#online.hidden = true;
  }

  /** After a join the history has come: what was sent and is not in it was lost with the connection. */
  #giveBack() {
    this.#rejoining = false;
    const lost = this.#own.takePending();
    if (lost.length > 0 && !this.#text.value) this.#text.value = lost.join("\n").slice(0, TEXT_LIMIT);
  }
}

/**
 * Knows which messages this tab wrote. The server gives back what a tab sent as it gives it to
 * all, so a message is ours when it is the one we are waiting for; its key is kept for a reload.
 */
class OwnMessages {
  /** @type {{ name: string, text: string }[]} */
  #pending = [];
  /** @type {string[]} */
  #keys = this.#remembered();

  /** @param {string} name @param {string} text */
  sent(name, text) {
    this.#pending.push({ name, text });
  }

  /** @param {ChatMessage} message */
  claims(message) {
    const key = keyOf(message);
    if (this.#keys.includes(key)) return true;
    const place = this.#pending.findIndex(({ name, text }) => name === message.name && text === message.text);
    if (place < 0) return false;
    this.#pending.splice(place, 1);
    this.#keys = [...this.#keys, key].slice(-SHOWN_LIMIT);
    storage("sessionStorage").set(OWN_KEY, JSON.stringify(this.#keys));
    return true;
  }

  /** Texts that were sent and have not come back. @returns {string[]} */
  takePending() {
    return this.#pending.splice(0).map(({ text }) => text);
  }

  /** @returns {string[]} */
  #remembered() {
    const value = parse(storage("sessionStorage").get(OWN_KEY) ?? "[]");
    return Array.isArray(value) ? value.filter((key) => typeof key === "string") : [];
  }
}

/**
 * @param {ChatMessage} message
 * @param {boolean} mine
 * @param {Element | null} previous
 */
function render(message, mine, previous) {
  const item = create("li", mine ? "message mine" : "message");
  item.dataset.name = message.name;
  const follows = previous instanceof HTMLElement && previous.dataset.name === message.name
    && previous.classList.contains("mine") === mine;
  if (follows) item.classList.add("follows");

  const face = create("span", "face", [...message.name.trim()][0]?.toUpperCase() ?? "?");
  face.dataset.hue = String(hueOf(message.name));
  face.setAttribute("aria-hidden", "true");

  const time = document.createElement("time");
  const at = new Date(message.at);
  if (!Number.isNaN(at.getTime())) {
    time.dateTime = at.toISOString();
    time.textContent = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  }
  const head = create("p", "message-head");
  head.append(create("b", "message-name", mine ? `${message.name} (you)` : message.name), badge(message.via), time);
  const body = create("div", "bubble");
  body.append(head, create("p", "message-text", message.text));
  item.append(face, body);
  return item;
}

/** How somebody takes part. @param {string} via */
function badge(via) {
  const known = /** @type {Record<string, { label: string }>} */ (TRANSPORTS);
  const mark = create("span", "via", known[via]?.label ?? via);
  mark.dataset.via = via;
  return mark;
}

/** @param {string} name */
function hueOf(name) {
  let sum = 0;
  for (const char of name) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 9973;
  return sum % HUES;
}

/** An offset starts again when the server does; the time tells the two apart. @param {ChatMessage} message */
function keyOf(message) {
  return `${message.offset}@${message.at}`;
}

function guestName() {
  const bird = GUESTS[Math.floor(Math.random() * GUESTS.length)];
  return `${bird} ${10 + Math.floor(Math.random() * 90)}`;
}

/** @param {string} json @returns {any} an object or array; empty when it was neither */
function parse(json) {
  try {
    const value = JSON.parse(json);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

const NAME_KEY = "tidegate-demo-name";
const OWN_KEY = "tidegate-demo-own";
