// What was said and has no answer yet. Kept by the browser until it has, so that it outlives a break, a reload and a new
// start of the site; sent one after the other, each with the nonce that it was given first: sent twice, it is said once.

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;
/** How long an answer may take. */
const PATIENCE = 15_000;
/** After so many refusals it says why. */
const REFUSALS = 3;
/** What waited this long in a room that nobody opened is forgotten. */
const OLDEST = 30 * 24 * 3_600_000;

const newNonce = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

/** A list in the browser's storage, shared by its tabs. Where it cannot be stored it lasts as long as the page. */
class Kept {
  #key;
  #items = [];
  #isStored = true;

  constructor(key) {
    this.#key = key;
  }

  get items() {
    try {
      if (this.#isStored) return JSON.parse(localStorage.getItem(this.#key)) ?? [];
    } catch {
      // Forbidden.
    }
    return this.#items;
  }

  set items(items) {
    this.#items = items;
    try {
      if (items.length) localStorage.setItem(this.#key, JSON.stringify(items));
      else localStorage.removeItem(this.#key);
      this.#isStored = true;
    } catch {
      // Full, or forbidden.
      this.#isStored = false;
    }
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
    this.#kept.items = this.#kept.items.filter(({ at }) => now - at < OLDEST);
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
    this.#kept.items = [...this.#kept.items, { nonce: newNonce(), text, at: Date.now(), refusals: 0, why: "" }];
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
    return this.#kept.items.find(({ final }) => !final);
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
    this.#kept.items = this.#kept.items.map((item) => (item.nonce === nonce ? { ...item, ...change } : item));
    this.#show();
  }

  #drop(nonce) {
    this.#kept.items = this.#kept.items.filter((item) => item.nonce !== nonce);
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
      element.classList.toggle("refused", Boolean(item.why));
      const state = element.querySelector(".state");
      state.textContent = item.why || this.#words.waiting;
      // What goes out at once is not read out twice.
      state.role = item.why ? "alert" : null;
      element.querySelector(".choices").hidden = !item.why;
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
      this.#change(nonce, { refusals: 0, why: "", final: false });
      this.flush();
    });
    button("discard", () => this.#drop(nonce));
    element.append(words, state, choices);
    return element;
  }
}
