// The composer: what is typed goes to the outbox, and what is not sent yet outlives a reload and a new sign-in. It also
// changes what one has said.

const TYPING = 3_000;
const PATIENCE = 15_000;
/** The most characters, and how many are left when that is said. */
const MOST = 4_000;
const NEAR = 300;

/** Returns whether the device has a touch screen and no mouse: its keyboard has no other key for a new line. */
export const isTouch = () => matchMedia("(hover: none) and (pointer: coarse)").matches;

/**
 * Returns whether a key sends: Enter, on touch screens only with Ctrl or ⌘. While a syllable is composed Enter belongs to
 * the input method; Safari ends the composition before the key comes, and says so by its code only.
 */
export const sends = ({ key, shiftKey, ctrlKey, metaKey, isComposing, keyCode }) =>
  key === "Enter" && !shiftKey && !isComposing && keyCode !== 229 && (ctrlKey || metaKey || !isTouch());

export class Composer {
  #form;
  #text;
  #faults;
  #editing;
  #left;
  #key;
  #send;
  #types;
  #edited;
  #last;
  /** When typing was last reported, by a clock that nobody sets. */
  #typed = -Infinity;
  /** The address of the chat that is changed, and what was typed before. */
  #chat = null;
  #before = "";
  /** The chat whose words are asked for. */
  #asked = null;
  /** Changes go out one after the other. */
  #changes = Promise.resolve();
  /** What the chat says, and what it is being changed to. */
  #said = "";
  #sent = "";

  /**
   * `send` takes the words; `types` is called now and then while they are typed. `key` is what they are kept under.
   * `last` answers the address of one's last chat; `edited` is called with the entry of a change.
   */
  constructor(form, { key, send, types, last, edited }) {
    this.#form = form;
    this.#text = form.elements.text;
    this.#faults = form.querySelector("#composer-faults");
    this.#editing = form.querySelector("#editing");
    this.#left = form.querySelector("#left");
    this.#key = key;
    this.#send = send;
    this.#types = types;
    this.#last = last;
    this.#edited = edited;
    // The browser would bring back, as a draft, the words of a chat that was being changed.
    this.#text.autocomplete = "off";
    this.#text.enterKeyHint = isTouch() ? "enter" : "send";
    try {
      this.#text.value ||= sessionStorage.getItem(key) ?? "";
    } catch {
      // Forbidden: the field is empty.
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("keydown", (event) => this.#pressed(event));
    this.#text.addEventListener("input", () => this.#changed());
    addEventListener("resize", () => this.#grow());
    this.#editing.querySelector("button").addEventListener("click", () => this.#stop());
    this.#changed(false);
  }

  /** Takes words back that were refused, unless others are typed already. Answers whether it did. */
  takeBack(words, why) {
    if (this.#chat || this.#text.value) return false;
    this.#put(words);
    this.#blame(why);
    return true;
  }

  /** Begins to change a chat. */
  async edit(address) {
    this.#asked = address;
    let chat = null;
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(PATIENCE) });
      if (answer.ok) chat = await answer.json();
    } catch {
      // Its own page says what is wrong.
    }
    if (this.#asked !== address) return;
    this.#asked = null;
    if (!chat || chat.removed) return location.assign(address);
    if (!this.#chat) this.#before = this.#text.value;
    this.#chat = address;
    this.#said = chat.text;
    this.#sent = "";
    this.#editing.hidden = false;
    const said = this.#editing.querySelector("[role=status]");
    said.textContent = said.dataset.words;
    this.#put(chat.text);
    this.#text.focus();
  }

  #pressed(event) {
    if (sends(event)) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "Escape" && this.#chat) this.#stop();
    else if (event.key === "ArrowUp" && !event.isComposing && !this.#text.value) {
      const last = this.#last();
      if (!last) return;
      event.preventDefault();
      this.edit(last);
    }
  }

  #submit() {
    if (!this.#text.value.trim() && !this.#chat) return;
    this.#forgive();
    if (this.#chat) {
      const [chat, text] = [this.#chat, this.#text.value];
      if (text === this.#said) return this.#stop();
      // Enter pressed twice.
      if (text === this.#sent) return;
      this.#sent = text;
      this.#changes = this.#changes.then(() => this.#change(chat, text));
      return;
    }
    this.#send(this.#text.value);
    // Who said something types no more, until they do.
    this.#typed = -Infinity;
    this.#put("");
    this.#text.focus();
  }

  async #change(chat, text) {
    let why = this.#form.dataset.refused;
    try {
      const body = new URLSearchParams({ text, author: document.body.dataset.me });
      const headers = { Accept: "application/json" };
      const answer = await fetch(chat, { method: "PUT", body, headers, signal: AbortSignal.timeout(PATIENCE) });
      if (answer.ok) {
        if (this.#chat === chat && this.#text.value === text) this.#stop();
        return this.#edited((await answer.json()).rev);
      }
      const { error = {} } = await answer.json();
      why = error.fields?.text ?? error.message ?? why;
    } catch {
      // What is typed stays.
    }
    if (this.#chat !== chat) return;
    this.#sent = "";
    this.#blame(why);
  }

  #stop() {
    this.#chat = null;
    this.#editing.hidden = true;
    this.#editing.querySelector("[role=status]").textContent = "";
    this.#forgive();
    this.#put(this.#before);
    this.#text.focus();
  }

  #put(words) {
    this.#text.value = words;
    this.#changed(false);
  }

  /** Makes the field as high as its text, where style sheets cannot. */
  #grow() {
    if (CSS.supports("field-sizing", "content")) return;
    const { style } = this.#text;
    style.height = "auto";
    const { scrollHeight, offsetHeight, clientHeight } = this.#text;
    style.height = `${scrollHeight + offsetHeight - clientHeight}px`;
  }

  #changed(isTyped = true) {
    this.#grow();
    const left = this.#remaining();
    this.#left.hidden = left > NEAR;
    const { words, over } = this.#left.dataset;
    this.#left.textContent = (left < 0 ? over : words).replace("#", Math.abs(left));
    this.#left.classList.toggle("over", left < 0);
    if (!this.#chat) this.#keep();
    if (!isTyped || performance.now() - this.#typed < TYPING) return;
    this.#typed = performance.now();
    this.#types();
  }

  /** How many characters are left. */
  #remaining() {
    return MOST - [...this.#text.value.trimEnd()].length;
  }

  #keep() {
    try {
      if (this.#text.value.trim()) sessionStorage.setItem(this.#key, this.#text.value);
      else sessionStorage.removeItem(this.#key);
    } catch {
      // Forbidden: it lasts as long as the page.
    }
  }

  #blame(why) {
    const fault = document.createElement("p");
    fault.className = "fault";
    fault.dataset.errorFor = "text";
    fault.textContent = why;
    this.#faults.replaceChildren(fault);
    this.#text.ariaInvalid = "true";
  }

  #forgive() {
    this.#faults.replaceChildren();
    this.#text.ariaInvalid = null;
  }
}
