// The text field of a message, in the composer or at a chat: its keys, its height, its error, and how many characters are left.

/** The most characters, and how many are left when the counter appears. */
const MAX_CHARACTERS = 4_000;
const WARN_BELOW = 300;

/** Returns whether the device has a touch screen and no mouse: its keyboard has no other key for a new line. */
export const isTouch = () => matchMedia("(hover: none) and (pointer: coarse)").matches;

/**
 * Returns whether a key belongs to the input method, which composes a syllable. Safari ends the composition before the
 * key event: there only key code 229 tells.
 */
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

/** Returns whether a key sends: Enter, on touch screens only with Ctrl or ⌘. */
export const isSendKey = (event) =>
  event.key === "Enter" && !event.shiftKey && !isComposing(event) && (event.ctrlKey || event.metaKey || !isTouch());

export class MessageField {
  #input;
  #errors;
  #counter;
  #onChange;

  /** `onChange` is called after each change of the text, with whether the user typed it. */
  constructor(form, onChange) {
    this.#input = form.elements.text;
    this.#errors = form.querySelector("[role=alert]");
    this.#counter = form.querySelector("[data-left]");
    this.#onChange = onChange;
    // A browser would restore the text of a message that was being edited as if it were a draft.
    this.#input.autocomplete = "off";
    this.#input.enterKeyHint = isTouch() ? "enter" : "send";
    this.#input.addEventListener("input", () => this.#changed(true));
    addEventListener("resize", () => this.#grow());
  }

  get text() {
    return this.#input.value;
  }

  /** A message with files needs no text. */
  get isMissing() {
    return this.#input.required && !this.text.trim();
  }

  get isReadOnly() {
    return this.#input.readOnly;
  }

  setText(text) {
    this.#input.value = text;
    this.#changed(false);
  }

  focus() {
    this.#input.focus();
  }

  showError(reason) {
    const error = document.createElement("p");
    error.className = "field-error";
    error.dataset.errorFor = "text";
    error.textContent = reason;
    this.#errors.replaceChildren(error);
    this.#input.ariaInvalid = "true";
  }

  clearError() {
    this.#errors.replaceChildren();
    this.#input.ariaInvalid = null;
  }

  #changed(isTyped) {
    this.#grow();
    const fits = this.#count();
    // What was wrong may be right now.
    if (isTyped && fits) this.clearError();
    if (isTyped && this.text.includes("@")) import("./mention_picker.js").then(({ suggest }) => suggest(this.#input));
    this.#onChange(isTyped);
  }

  /** Makes the field as high as its text in browsers whose style sheets cannot. */
  #grow() {
    if (CSS.supports("field-sizing", "content")) return;
    const { style } = this.#input;
    style.height = "auto";
    const { scrollHeight, offsetHeight, clientHeight } = this.#input;
    style.height = `${scrollHeight + offsetHeight - clientHeight}px`;
  }

  /** Shows how many characters are left. Returns whether there are any. */
  #count() {
    const left = MAX_CHARACTERS - [...this.text.trimEnd()].length;
    const { left: leftText, over: overText } = this.#counter.dataset;
    this.#counter.hidden = left > WARN_BELOW;
    this.#counter.textContent = (left < 0 ? overText : leftText).replace("#", Math.abs(left));
    this.#counter.classList.toggle("over", left < 0);
    return left >= 0;
  }
}
