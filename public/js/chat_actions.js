// What a reader can do with a chat. All of it is loaded on the first sign that somebody uses the page.

const FIRST_USE = ["pointermove", "pointerdown", "keydown", "change", "dragenter"];

/** How long after a failure the next use tries again. */
const RETRY_AFTER = 3_000;

const loadSheet = async () => (await import("./style_sheet.js")).loadStyleSheet("chat_tools");

export class ChatActions {
  #options;
  #loading = null;
  #tools = null;

  /** `options` are those of `ChatTools`. */
  constructor(options) {
    this.#options = options;
    this.added([...options.feed.children]);
    for (const type of FIRST_USE) addEventListener(type, () => this.#load(), { once: true, passive: true });
    // The pointer may be at a chat before there is something to answer it.
    const { feed } = options;
    feed.addEventListener("pointerover", (event) => !this.#tools && this.#load().then(() => this.#tools?.hovered(event)));
    feed.addEventListener("click", (event) => {
      if (this.#tools) return;
      // A picture would open in a tab of its own.
      const picture = !event.ctrlKey && !event.metaKey && event.target.closest("[data-kind=picture] > a");
      if (picture) event.preventDefault();
      this.#load().then(() => this.#tools && (picture ? picture.click() : this.#tools.tapped(event)));
    });
  }

  get isEditing() {
    return this.#tools?.isEditing ?? false;
  }

  /** Edits the reader's last chat on the page. Returns whether there is one. */
  editLast() {
    const last = [...this.#options.feed.querySelectorAll(".own:not([hidden])")].at(-1);
    if (!last) return false;
    const { composer } = this.#options;
    const { readOnly } = composer;
    // Keys that are typed before the editor opens would become a message.
    composer.readOnly = true;
    this.#load()
      .then(() => this.#tools?.edit(last, true))
      .finally(() => (composer.readOnly = readOnly));
    return true;
  }

  /** Copies a text and says so. */
  copy(text) {
    return this.#load().then(() => this.#tools?.copy(text));
  }

  /** Returns what the outbox needs to know about the files of the next message, if there are any. */
  takeFiles(nonce) {
    return this.#tools?.takeFiles(nonce);
  }

  /** Takes new elements of chats into account. */
  added(chats) {
    for (const chat of chats) for (const link of chat.querySelectorAll(".meta a")) link.tabIndex = -1;
    this.#tools?.added(chats);
  }

  /** After a failure the page of each chat still has forms for the same. */
  #load() {
    return (this.#loading ??= Promise.all([import("./chat_tools.js"), loadSheet()]).then(
      ([{ ChatTools }]) => void (this.#tools = new ChatTools(this.#options)),
      () => void setTimeout(() => (this.#loading = null), RETRY_AFTER),
    ));
  }
}
