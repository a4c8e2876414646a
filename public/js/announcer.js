// Announces how many chats arrived at once.

/** How long a sentence stays. A sentence that is written again is read again only if it was gone. */
const SENTENCE_TIME = 5_000;
/** How long a count waits for more: missed chats arrive in several fragments. */
const COLLECT_TIME = 500;

/** Writes one sentence into `status`, which screen readers read out. */
export class Announcer {
  #status;
  #counts = {};
  #timer = 0;

  constructor(status) {
    this.#status = status;
  }

  add(name, count) {
    if (!count) return;
    this.#counts[name] = (this.#counts[name] ?? 0) + count;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#announce(), COLLECT_TIME);
  }

  #announce() {
    const { dataset } = this.#status;
    const sentences = Object.entries(this.#counts).map(([name, count]) => dataset[name].replace("#", count));
    this.#counts = {};
    this.#status.textContent = sentences.join(" ");
    this.#timer = setTimeout(() => (this.#status.textContent = ""), SENTENCE_TIME);
  }
}
