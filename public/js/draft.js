// The text in the composer, kept for a reload and a new sign-in in this tab.

import { session } from "./storage.js";

export class Draft {
  #key;

  constructor(key) {
    this.#key = key;
  }

  load() {
    return session.get(this.#key) ?? "";
  }

  save(text) {
    if (text.trim()) session.set(this.#key, text);
    else session.remove(this.#key);
  }
}
