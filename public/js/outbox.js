// Messages that the site has not acknowledged. The browser keeps them over breaks and reloads. They are sent one after
// the other, each with its first nonce: a message that is sent twice is posted once.

import { groupWaiting } from "./groups.js";
import { timeOfDay } from "./local_time.js";
import { Backoff, request } from "./request.js";
import { local } from "./storage.js";

const FIRST_PAUSE = 1_000;
/** After this many refusals the message shows why. */
const MAX_SILENT_REFUSALS = 3;
/** An older message is sent only if its author confirms. It is never deleted: clocks may be wrong. */
const MAX_AGE = 30 * 24 * 3_600_000;

const newNonce = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

/**
 * A list that all tabs of the browser share. Each item has a key of its own, so tabs that write at the same time do not
 * overwrite each other. An item that cannot be stored lasts as long as the page.
 */
class OutboxStore {
  #prefix;
  #unstored = new Map();

  constructor(key) {
    this.#prefix = `${key} `;
    this.#importOldList(key);
  }

  get items() {
    return this.#entries().map(([, item]) => item);
  }

  add(item) {
    const [last = ""] = this.#entries().at(-1) ?? [];
    const order = (Number.parseInt(last.slice(this.#prefix.length), 10) || 0) + 1;
    this.#write(`${this.#prefix}${String(order).padStart(12, "0")} ${item.nonce}`, item);
  }

  /** Changes an item unless another tab has removed it. */
  update(nonce, change) {
    for (const [key, item] of this.#entries()) if (item.nonce === nonce) this.#write(key, { ...item, ...change });
  }

  remove(nonce) {
    for (const [key, item] of this.#entries()) {
      if (item.nonce !== nonce) continue;
      this.#unstored.delete(key);
      local.remove(key);
    }
  }

  /** Earlier versions stored the whole list under one key. */
  #importOldList(key) {
    const list = local.getJson(key);
    if (!Array.isArray(list)) return;
    list.forEach((item) => this.add(item));
    local.remove(key);
    for (const [itemKey, item] of this.#unstored) this.#write(itemKey, item);
  }

  #entries() {
    const entries = new Map(this.#unstored);
    for (const key of local.keys()) {
      const item = key.startsWith(this.#prefix) && !entries.has(key) ? local.getJson(key) : null;
      if (typeof item?.text === "string") entries.set(key, item);
    }
    return [...entries].sort(([one], [other]) => (one < other ? -1 : 1));
  }

  #write(key, item) {
    if (local.setJson(key, item)) this.#unstored.delete(key);
    else this.#unstored.set(key, item);
  }
}

export class Outbox {
  #store;
  #author;
  #list;
  #feed;
  #action;
  #texts;
  #onSent;
  #uploads = null;
  #isSending = false;
  /** The nonce of the message whose answer is awaited. */
  #inFlight = null;
  #backoff = new Backoff(FIRST_PAUSE);
  #timer = 0;
  /** The nonces of messages that are too old to be sent without a confirmation. */
  #expired;

  /**
   * `list` shows the messages behind `feed`, `texts` are the labels. `restore` puts a refused text back into the composer
   * and returns whether it did. `onSent` is called with the number of a chat.
   */
  constructor({ key, author, list, feed, action, texts, restore, onSent }) {
    this.#store = new OutboxStore(key);
    this.#author = author;
    this.#list = list;
    this.#feed = feed;
    this.#action = action;
    this.#texts = texts;
    this.restore = restore;
    this.#onSent = onSent;
    const now = Date.now();
    this.#expired = new Set(this.#store.items.filter(({ at }) => now - at > MAX_AGE).map(({ nonce }) => nonce));
    addEventListener("online", () => this.flush());
    addEventListener("storage", () => this.#render());
    this.#render();
    this.flush();
  }

  get hasUnsent() {
    return this.#store.items.length > 0;
  }

  /** `mention` are the ids of people who are meant. `take` keeps the files for a nonce, if there are any. */
  add(text, mention, take) {
    const nonce = newNonce();
    this.#store.add({ nonce, text, mention, files: take?.(nonce), at: Date.now(), refusals: 0, why: "" });
    this.#render();
    this.flush();
  }

  flush() {
    clearTimeout(this.#timer);
    if (!this.#isSending) this.#sendAll();
  }

  delivered(seq) {
    this.#list.querySelector(`[data-seq="${seq}"]`)?.remove();
  }

  /** Hides the message in flight: a new chat of its author has arrived before the answer. */
  arrived(seq) {
    const element = this.#inFlight && this.element(this.#inFlight);
    if (!element || element.dataset.arrived) return;
    element.dataset.arrived = seq;
    element.hidden = true;
  }

  /** Groups the messages with the end of the feed. */
  regroup() {
    groupWaiting(this.#feed, this.#author, [...this.#list.children].filter(({ hidden }) => !hidden));
  }

  async #sendAll() {
    this.#isSending = true;
    if (!this.#uploads && this.#store.items.some(({ files }) => files)) {
      // After a failure the next flush tries again.
      this.#uploads = await import("./uploads.js").then(({ open }) => open(this)).catch(() => null);
      this.#render();
    }
    for (let next = this.#next(); next; next = this.#next()) {
      // Messages with files have their own pauses.
      if ((await this.#send(next)) || next.files) {
        this.#backoff.reset();
        continue;
      }
      this.#timer = setTimeout(() => this.flush(), this.#backoff.next());
      break;
    }
    this.#isSending = false;
  }

  #next() {
    const items = this.#store.items.filter(({ final, nonce }) => !final && !this.#expired.has(nonce));
    return this.#uploads ? this.#uploads.next(items) : items.find(({ files }) => !files);
  }

  /** Sends one message. Returns whether the next one may be sent. */
  async #send(item) {
    let response;
    this.#inFlight = item.nonce;
    try {
      const body = new URLSearchParams({ text: item.text, nonce: item.nonce, author: this.#author });
      for (const id of item.mention ?? []) body.append("mention", id);
      response = await (item.files
        ? this.#uploads.post(item, body)
        : request(this.#action, { method: "POST", body, json: true }));
    } catch {
      this.#landed(item.nonce);
      return false;
    }
    // A proxy may answer with something else than JSON.
    const json = await response.json().catch(() => ({}));
    this.#landed(item.nonce, json.seq);
    if (response.ok && json.seq) {
      this.element(item.nonce)?.setAttribute("data-seq", json.seq);
      this.remove(item.nonce);
      this.#onSent(json.seq);
      return true;
    }
    // Signed out: the message waits until its author signs in.
    if (response.status === 401) return false;
    return this.#refused(item, response.status, json.error ?? {});
  }

  /** Shows the message again if the chat that had arrived was another one. */
  #landed(nonce, seq) {
    this.#inFlight = null;
    const element = this.element(nonce);
    if (!element?.dataset.arrived || element.dataset.arrived === String(seq)) return;
    delete element.dataset.arrived;
    element.hidden = false;
  }

  /** Handles a refusal. Returns whether the next message may be sent. */
  #refused(item, status, { fields = {}, message }) {
    // The nonce belongs to another text: this message gets a new one.
    if (fields.nonce && !item.files) {
      this.update(item.nonce, { nonce: newNonce() });
      return true;
    }
    const [reason = this.#texts.refused] = [...Object.values(fields), message];
    const final = status >= 400 && status < 500 && status !== 429;
    if (final && !item.files && this.restore(item.text, reason)) {
      this.remove(item.nonce);
      return true;
    }
    const refusals = item.refusals + 1;
    this.update(item.nonce, { refusals, why: final || refusals >= MAX_SILENT_REFUSALS ? reason : "", final });
    return final;
  }

  update(nonce, change) {
    this.#store.update(nonce, change);
    this.#render();
  }

  remove(nonce) {
    this.#store.remove(nonce);
    this.#uploads?.forget(nonce);
    this.#render();
  }

  element(nonce) {
    return this.#list.querySelector(`[data-nonce="${CSS.escape(nonce)}"]`);
  }

  /** Shows the messages. A sent one stays visible until the feed has it. */
  #render() {
    const items = this.#store.items;
    for (const element of [...this.#list.children]) {
      const isWaiting = items.some(({ nonce }) => nonce === element.dataset.nonce);
      if (!isWaiting && !element.dataset.seq) element.remove();
    }
    for (const item of items) {
      const element = this.element(item.nonce) ?? this.#list.appendChild(this.#create(item));
      const reason = item.why || (this.#expired.has(item.nonce) ? this.#texts.expired : "");
      element.classList.toggle("refused", Boolean(reason));
      const state = element.querySelector(".state");
      state.textContent = reason || this.#texts.waiting;
      // A message that is sent at once is announced by the feed.
      state.role = reason ? "alert" : null;
      element.querySelector(".actions").hidden = !reason;
    }
    this.#uploads?.render(items);
    this.regroup();
  }

  /** Creates an element that looks as the chat will. */
  #create({ nonce, text, at }) {
    const part = (name, className, content = "") => {
      const element = document.createElement(name);
      element.className = className;
      element.textContent = content;
      return element;
    };
    const element = part("li", "chat own");
    element.dataset.nonce = nonce;
    const picture = part("img", "picture");
    Object.assign(picture, { src: `/user/${this.#author}/image?small`, alt: "", width: 40, height: 40 });
    const meta = part("p", "meta");
    meta.append(part("bdi", "nickname", this.#texts.nickname), " ", part("span", "timestamp", timeOfDay(at)));
    const body = part("div", "text", text);
    body.dir = "auto";
    const state = part("p", "state");
    const actions = part("p", "actions");
    const addButton = (name, onClick) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = `button-secondary ${name}`;
      button.textContent = this.#texts[name];
      button.addEventListener("click", onClick);
      actions.append(button, " ");
    };
    addButton("retry", () => {
      this.#expired.delete(nonce);
      this.update(nonce, { refusals: 0, why: "", final: false });
      this.flush();
    });
    addButton("discard", () => this.remove(nonce));
    element.append(picture, meta, body, state, actions);
    return element;
  }
}
