// The list of unsent messages in the browser's storage.

import { local } from "./storage.js";

/**
 * A list that all tabs of the browser share. Each item has a key of its own, so tabs that write at the same time do not
 * overwrite each other. An item that cannot be stored lasts as long as the page.
 */
export class OutboxStore {
  #prefix;
  /** Items that could not be stored, by key. */
  #unstored = new Map();

  constructor(key) {
    this.#prefix = `${key} `;
    this.#importOldList(key);
  }

  /** The items in the order in which they were added. */
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
    // The storage has room for them now.
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
