// What was said and has no answer yet. Kept by the browser until it has, so that it outlives a break, a reload and a new
// start of the site; sent one after the other, each with the nonce that it was given first: sent twice, it is said once.

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;
/** How long an answer may take. */
const PATIENCE = 15_000;
/** After so many refusals it says why. */
const REFUSALS = 3;
/** What has waited this long is sent only if its author still wants that. It is never deleted: clocks may be wrong. */
const OLD = 30 * 24 * 3_600_000;

const newNonce = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

const stored = (key) => {
  try {
    return localStorage.getItem(key);
  } catch {
    // Forbidden.
    return null;
  }
};

const remove = (key) => {
  try {
    localStorage.removeItem(key);
  } catch {
    // Forbidden.
  }
};

const keys = () => {
  try {
    return Object.keys(localStorage);
  } catch {
    // Forbidden.
    return [];
  }
};

const parsed = (json) => {
  try {
    return JSON.parse(json);
  } catch {
    // Not ours.
    return null;
  }
};

/**
 * A list in the browser's storage, shared by its tabs. Each item has a key of its own, so that tabs that write at the same
 * time overwrite nothing of each other. An item that cannot be stored lasts as long as the page.
 */
class Kept {
  #prefix;
  /** Items that are not stored, by key. */
  #unstored = new Map();

  /** Earlier versions kept the whole list under `key`. */
  constructor(key) {
    this.#prefix = `${key} `;
    const list = parsed(stored(key));
    if (!Array.isArray(list)) return;
    list.forEach((item) => this.add(item));
    remove(key);
    // There is room for them now.
    for (const [itemKey, item] of this.#unstored) this.#write(itemKey, item);
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

  /** Changes an item, unless it is gone meanwhile. */
  change(nonce, change) {
    for (const [key, item] of this.#entries()) if (item.nonce === nonce) this.#write(key, { ...item, ...change });
  }

  drop(nonce) {
    for (const [key, item] of this.#entries()) if (item.nonce === nonce) this.#remove(key);
  }

  #entries() {
    const entries = new Map(this.#unstored);
    for (const key of keys()) {
      const isItem = key.startsWith(this.#prefix) && !entries.has(key);
      const item = isItem ? parsed(stored(key)) : null;
      if (typeof item?.text === "string") entries.set(key, item);
    }
    return [...entries].sort(([one], [other]) => (one < other ? -1 : 1));
  }

  #write(key, item) {
    try {
      localStorage.setItem(key, JSON.stringify(item));
      this.#unstored.delete(key);
    } catch {
      // Full, or forbidden.
      this.#unstored.set(key, item);
    }
  }

  #remove(key) {
    this.#unstored.delete(key);
    remove(key);
  }
}

export class Outbox {
  #kept;
  #author;
  #list;
  #action;
  #words;
  #refused;
  #sent;
  #sending = false;
  #failures = 0;
  #timer = 0;
  /** The nonces of what is too old to be sent without asking. */
  #old;

  /**
   * `list` shows what waits; `words` are the texts of its states. `refused` is asked to take a text back that was refused
   * at once, and answers whether it did; `sent` is called with the number of what stands.
   */
  constructor({ key, author, list, action, words, refused, sent }) {
    this.#kept = new Kept(key);
    this.#author = author;
    this.#list = list;
    this.#action = action;
    this.#words = words;
    this.#refused = refused;
    this.#sent = sent;
    const now = Date.now();
    this.#old = new Set(this.#kept.items.filter(({ at }) => now - at > OLD).map(({ nonce }) => nonce));
    addEventListener("online", () => this.flush());
    addEventListener("storage", () => this.#show());
    this.#show();
    this.flush();
  }

  /** Whether anything waits. */
  get waits() {
    return this.#kept.items.length > 0;
  }

  /** Takes words to be said. */
  add(text) {
    this.#kept.add({ nonce: newNonce(), text, at: Date.now(), refusals: 0, why: "" });
    this.#show();
    this.flush();
  }

  /** Sends what waits, now. */
  flush() {
    clearTimeout(this.#timer);
    if (!this.#sending) this.#send();
  }

  /** Takes away what has come to stand in the feed. */
  arrived(seq) {
    this.#list.querySelector(`[data-seq="${seq}"]`)?.remove();
  }

  async #send() {
    this.#sending = true;
    for (let next = this.#next(); next; next = this.#next()) {
      const goesOn = await this.#try(next);
      if (!goesOn) {
        const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#failures++);
        this.#timer = setTimeout(() => this.flush(), pause * (0.5 + Math.random() / 2));
        break;
      }
      this.#failures = 0;
    }
    this.#sending = false;
  }

  #next() {
    return this.#kept.items.find(({ final, nonce }) => !final && !this.#old.has(nonce));
  }

  /** Sends one; answers whether the next one may follow. */
  async #try(item) {
    let answer;
    try {
      const body = new URLSearchParams({ text: item.text, nonce: item.nonce, author: this.#author });
      const headers = { Accept: "application/json" };
      const signal = AbortSignal.timeout(PATIENCE);
      answer = await fetch(this.#action, { method: "POST", body, headers, signal });
    } catch {
      return false;
    }
    // A proxy may answer in words of its own.
    const json = await answer.json().catch(() => ({}));
    if (answer.ok && json.seq) {
      this.#shown(item.nonce)?.setAttribute("data-seq", json.seq);
      this.#drop(item.nonce);
      this.#sent(json.seq);
      return true;
    }
    // Signed out: it waits for its person to come back.
    if (answer.status === 401) return false;
    const { fields = {}, message } = json.error ?? {};
    // The nonce was another text's: these are new words.
    if (fields.nonce) {
      this.#change(item.nonce, { nonce: newNonce() });
      return true;
    }
    const [why = this.#words.refused] = [...Object.values(fields), message];
    const final = answer.status >= 400 && answer.status < 500 && answer.status !== 429;
    if (final && this.#refused(item.text, why)) {
      this.#drop(item.nonce);
      return true;
    }
    const refusals = item.refusals + 1;
    this.#change(item.nonce, { refusals, why: final || refusals >= REFUSALS ? why : "", final });
    return final;
  }

  #change(nonce, change) {
    this.#kept.change(nonce, change);
    this.#show();
  }

  #drop(nonce) {
    this.#kept.drop(nonce);
    this.#show();
  }

  #shown(nonce) {
    return this.#list.querySelector(`[data-nonce="${CSS.escape(nonce)}"]`);
  }

  /** Shows what waits. What stands already is shown until the feed has it. */
  #show() {
    const items = this.#kept.items;
    for (const element of [...this.#list.children]) {
      const waits = items.some(({ nonce }) => nonce === element.dataset.nonce);
      if (!waits && !element.dataset.seq) element.remove();
    }
    for (const item of items) {
      const element = this.#shown(item.nonce) ?? this.#list.appendChild(this.#element(item));
      const why = item.why || (this.#old.has(item.nonce) ? this.#words.old : "");
      element.classList.toggle("refused", Boolean(why));
      const state = element.querySelector(".state");
      state.textContent = why || this.#words.waiting;
      // What goes out at once is not read out twice.
      state.role = why ? "alert" : null;
      element.querySelector(".choices").hidden = !why;
    }
  }

  #element({ nonce, text }) {
    const element = document.createElement("li");
    element.dataset.nonce = nonce;
    const words = document.createElement("p");
    words.className = "text";
    words.dir = "auto";
    words.textContent = text;
    const state = document.createElement("p");
    state.className = "state";
    const choices = document.createElement("p");
    choices.className = "choices";
    const button = (name, act) => {
      const made = document.createElement("button");
      made.type = "button";
      made.className = `quiet ${name}`;
      made.textContent = this.#words[name];
      made.addEventListener("click", act);
      choices.append(made, " ");
    };
    button("retry", () => {
      this.#old.delete(nonce);
      this.#change(nonce, { refusals: 0, why: "", final: false });
      this.flush();
    });
    button("discard", () => this.#drop(nonce));
    element.append(words, state, choices);
    return element;
  }
}
