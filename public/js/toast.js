// A notice above the composer, one at a time, with at most one action. It stays while the pointer or the focus is on it.

/** How long a notice stays. */
const DURATION = 6_000;

export class Toast {
  #element;
  #timer = 0;
  #onEnd = null;
  #isHeld = false;
  #onLeave;

  /** `onLeave` is called when the notice ends while it has the focus. */
  constructor(element, onLeave) {
    this.#element = element;
    this.#onLeave = onLeave;
    for (const type of ["pointerenter", "focusin"]) element.addEventListener(type, () => this.#hold());
    for (const type of ["pointerleave", "focusout"]) element.addEventListener(type, (event) => this.#release(event));
    element.addEventListener("keydown", ({ key }) => key === "Escape" && this.end());
  }

  get texts() {
    return this.#element.dataset;
  }

  /** Shows a text; `onEnd` is called when it ends without its action. */
  show(text, { action, onAction, onEnd, isError = false } = {}) {
    this.end();
    const sentence = document.createElement("span");
    sentence.textContent = text;
    this.#element.replaceChildren(sentence);
    this.#element.classList.toggle("error", isError);
    if (action) this.#element.append(this.#button(action, onAction));
    this.#onEnd = onEnd;
    this.#start();
  }

  /** Ends the notice now. */
  end() {
    clearTimeout(this.#timer);
    const onEnd = this.#onEnd;
    this.#onEnd = null;
    this.#isHeld = false;
    const hadFocus = this.#element.contains(document.activeElement);
    this.#element.replaceChildren();
    if (hadFocus) this.#onLeave();
    onEnd?.();
  }

  #button(label, onAction) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", () => {
      this.#onEnd = null;
      this.end();
      onAction();
    });
    return button;
  }

  #start() {
    clearTimeout(this.#timer);
    if (!this.#isHeld) this.#timer = setTimeout(() => this.end(), DURATION);
  }

  #hold() {
    this.#isHeld = true;
    clearTimeout(this.#timer);
  }

  #release({ relatedTarget }) {
    if (this.#element.contains(relatedTarget) || !this.#element.hasChildNodes()) return;
    this.#isHeld = this.#element.matches(":hover") || this.#element.contains(document.activeElement);
    this.#start();
  }
}
