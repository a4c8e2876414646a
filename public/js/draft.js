// The text in the composer. This tab keeps its own, and the browser keeps the last one for a tab that opens later.

import { local, session } from "./storage.js";

export class Draft {
  #key;

  constructor(key) {
    this.#key = key;
  }

  load() {
    return session.get(this.#key) ?? local.get(this.#key) ?? "";
  }

  save(text) {
    for (const storage of [session, local]) {
      if (text.trim()) storage.set(this.#key, text);
      else storage.remove(this.#key);
    }
  }
}
