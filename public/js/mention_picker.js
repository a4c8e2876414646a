// Suggests people behind an "@" in a message: an ARIA 1.2 combobox with a list. Typing goes on while the list is open.

import { isComposing } from "./message_field.js";
import { request } from "./request.js";
import { loadStyleSheet } from "./style_sheet.js";

const DELAY = 100;
const MAX_QUERY = 40;
/** The key that ends a syllable may arrive a second time, after the syllable and before it is released. */
const SAME_KEY = 100;
const GAP = 8;
const HANGUL = /\p{Script=Hangul}$/u;

const pickers = new WeakMap();

class Picker {
  #input;
  #list;
  #status;
  /** The place of the "@" and what is typed behind it. */
  #typed = null;
  /** What nobody's name begins with, or what was picked or closed: nothing is suggested for it. */
  #settled = null;
  #timer = 0;
  #abort = null;
  /** The people picked for the text in the field. */
  #picked = new Map();
  #isComposing = false;
  #composed = "";
  /** The key that arrived during a composition, with its time. */
  #composedKey = { key: "", at: -Infinity };

  constructor(input) {
    this.#input = input;
    this.#list = Object.assign(document.createElement("ul"), { id: `mentions-${input.id || "edit"}`, className: "mentions", popover: "manual" });
    this.#list.role = "listbox";
    this.#status = Object.assign(document.createElement("p"), { className: "visually-hidden" });
    this.#status.role = "status";
    input.form.append(this.#list, this.#status);
    // A field is emptied and filled by scripts too, without an event for the picker.
    input.addEventListener("input", () => this.#forgetDeleted());
    input.form.addEventListener("reset", () => this.#forgetAll());
    input.addEventListener("beforeinput", (event) => this.#separate(event));
    input.addEventListener("keydown", (event) => this.#pressed(event), true);
    input.addEventListener("keyup", () => (this.#composedKey.key = ""));
    input.addEventListener("compositionstart", () => (this.#isComposing = true));
    input.addEventListener("compositionupdate", ({ data }) => (this.#composed = data));
    input.addEventListener("compositionend", () => (this.#isComposing = false));
    input.addEventListener("blur", () => this.#close());
    input.addEventListener("click", () => this.update());
    // The field keeps the focus, and the keyboard of a touch screen stays.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.#list.addEventListener("mousedown", (event) => event.preventDefault());
    this.#list.addEventListener("click", ({ target }) => this.#pick(target.closest("[role=option]")));
  }

  get #isOpen() {
    return this.#list.matches(":popover-open");
  }

  get #selected() {
    return this.#list.querySelector("[aria-selected=true]");
  }

  /** Suggests people for what stands before the cursor. */
  update() {
    this.#typed = this.#read();
    if (!this.#typed?.query) this.#settled = null;
    clearTimeout(this.#timer);
    this.#abort?.abort();
    if (!this.#typed || this.#isSettled(this.#typed)) return this.#close();
    this.#timer = setTimeout(() => this.#ask(), DELAY);
  }

  #read() {
    const { value, selectionStart, selectionEnd } = this.#input;
    if (selectionStart !== selectionEnd) return null;
    const at = value.lastIndexOf("@", selectionStart - 1);
    const query = value.slice(at + 1, selectionStart);
    const isMention = at >= 0 && at < selectionStart && !/[A-Za-z0-9]$/.test(value.slice(0, at));
    return isMention && query.length <= MAX_QUERY && !/^\s|\n/.test(query) ? { at, query } : null;
  }

  #isSettled({ at, query }) {
    return this.#settled?.at === at && query.startsWith(this.#settled.query);
  }

  async #ask() {
    const typed = this.#typed;
    this.#abort = new AbortController();
    const { room } = document.getElementById("feed").dataset;
    const address = `/room/${room}/member?q=${encodeURIComponent(typed.query)}`;
    try {
      const [response] = await Promise.all([request(address, { signal: this.#abort.signal }), loadStyleSheet("mention_picker")]);
      if (response.ok && this.#typed === typed) this.#show(typed, await response.text());
    } catch {
      // A later key asks again. Without suggestions a name can be typed.
    }
  }

  #show(typed, html) {
    if (this.#typed !== typed || document.activeElement !== this.#input) return;
    const found = new DOMParser().parseFromString(html, "text/html").querySelector("[role=listbox]");
    if (!found?.children.length) {
      this.#settled = typed;
      return this.#close();
    }
    const { user } = this.#selected?.dataset ?? {};
    this.#list.ariaLabel = found.ariaLabel;
    this.#list.replaceChildren(...found.children);
    if (!this.#isOpen) this.#open();
    this.#place();
    const same = user && this.#list.querySelector(`[data-user="${CSS.escape(user)}"]`);
    this.#select(same || this.#list.firstElementChild);
    if (this.#status.textContent !== found.dataset.status) this.#status.textContent = found.dataset.status;
  }

  #open() {
    this.#list.showPopover();
    this.#input.role = "combobox";
    this.#input.ariaAutoComplete = "list";
    this.#input.ariaHasPopup = "listbox";
    this.#input.ariaExpanded = "true";
    this.#input.setAttribute("aria-controls", this.#list.id);
  }

  #close() {
    clearTimeout(this.#timer);
    this.#typed = null;
    if (!this.#isOpen) return;
    this.#list.hidePopover();
    this.#list.replaceChildren();
    this.#status.textContent = "";
    for (const name of ["role", "aria-autocomplete", "aria-haspopup", "aria-expanded", "aria-controls", "aria-activedescendant"]) {
      this.#input.removeAttribute(name);
    }
  }

  /** Places the list above the field, or below where there is no room above. */
  #place() {
    const field = this.#input.getBoundingClientRect();
    const { style, offsetHeight } = this.#list;
    const isAbove = field.top >= offsetHeight + 2 * GAP;
    style.left = `${Math.max(GAP, field.left)}px`;
    style.top = `${isAbove ? field.top - offsetHeight - GAP : field.bottom + GAP}px`;
  }

  #select(option) {
    for (const other of this.#list.children) other.ariaSelected = String(other === option);
    option.scrollIntoView({ block: "nearest" });
    this.#input.setAttribute("aria-activedescendant", option.id);
  }

  #move(step) {
    const options = [...this.#list.children];
    const at = options.indexOf(this.#selected) + step;
    this.#select(options.at(at % options.length));
  }

  #pressed(event) {
    const { key, shiftKey, ctrlKey, metaKey, altKey } = event;
    const isPick = key === "Enter" || key === "Tab";
    const isKnown = isPick || key === "ArrowDown" || key === "ArrowUp" || key === "Escape";
    const isSecond = key === this.#composedKey.key && event.timeStamp - this.#composedKey.at < SAME_KEY;
    if (isSecond && !isComposing(event)) {
      this.#composedKey.key = "";
    } else if (!this.#isOpen || !isKnown || shiftKey || ctrlKey || metaKey || altKey) {
      return;
    } else if (isComposing(event)) {
      // In other scripts these keys choose what is composed.
      if (!HANGUL.test(this.#composed)) return;
      this.#composedKey = { key, at: event.timeStamp };
      if (isPick) this.#pickAfterComposition();
    } else if (isPick) this.#pick(this.#selected);
    if (!isPick && !isSecond) this.#moveOrClose(key);
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  #moveOrClose(key) {
    if (key === "ArrowDown") this.#move(1);
    else if (key === "ArrowUp") this.#move(-1);
    else {
      this.#settled = { at: this.#typed.at, query: "" };
      this.#close();
    }
  }

  #pickAfterComposition() {
    const option = this.#selected;
    const pick = () => setTimeout(() => this.#pick(option));
    if (this.#isComposing) this.#input.addEventListener("compositionend", pick, { once: true });
    else pick();
  }

  #pick(option) {
    const typed = this.#typed ?? this.#read();
    if (!option || !typed) return;
    const name = `@${option.dataset.name}`;
    const { value, selectionStart } = this.#input;
    // In Korean a particle follows the name directly.
    const isKorean = document.documentElement.lang === "ko" || HANGUL.test(name);
    const space = isKorean || /^\s/.test(value.slice(selectionStart)) ? "" : " ";
    this.#settled = { at: typed.at, query: option.dataset.name };
    this.#close();
    if (option.dataset.user !== "all") this.#picked.set(option.dataset.user, name);
    this.#input.setSelectionRange(typed.at, selectionStart);
    // This keeps what can be undone.
    if (!document.execCommand("insertText", false, name + space)) this.#input.setRangeText(name + space, typed.at, selectionStart, "end");
    this.#showPicked();
  }

  /** Puts a space between a picked name and what would make another name of it. */
  #separate(event) {
    const { value, selectionStart } = this.#input;
    const { data, inputType } = event;
    if (inputType !== "insertText" || event.isComposing || !/^[\p{L}\p{N}]/u.test(data) || HANGUL.test(data)) return;
    const before = value.slice(0, selectionStart);
    if (![...this.#picked.values()].some((name) => before.endsWith(name))) return;
    event.preventDefault();
    document.execCommand("insertText", false, ` ${data}`);
  }

  /** Sends the people who were picked with the message: others may have the same names. */
  #showPicked() {
    const { form } = this.#input;
    for (const field of form.querySelectorAll("[name=mention]")) field.remove();
    for (const value of this.#picked.keys()) {
      form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "mention", value }));
    }
  }

  #forgetDeleted() {
    const { size } = this.#picked;
    for (const [user, name] of this.#picked) if (!this.#input.value.includes(name)) this.#picked.delete(user);
    if (this.#picked.size < size) this.#showPicked();
  }

  #forgetAll() {
    this.#picked.clear();
    this.#showPicked();
  }
}

/** Suggests people for what is typed into a field. */
export function suggest(input) {
  if (!pickers.has(input)) pickers.set(input, new Picker(input));
  pickers.get(input).update();
}
