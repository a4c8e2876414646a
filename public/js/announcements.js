// Keeps screen readers from reading many chats one by one: a sentence with their number is read instead.

/** The longest that a feed stays busy. Pages in the background draw no frames. */
const MAX_BUSY = 1_000;
/** How long a sentence stays. A sentence that is written again is read again only if it was gone. */
const SENTENCE_TIME = 5_000;
/** How long a count waits for more: missed chats arrive in several fragments. */
const COLLECT_TIME = 500;

let busy = 0;

const nextFrame = () =>
  new Promise((resolve) => {
    requestAnimationFrame(() => requestAnimationFrame(resolve));
    setTimeout(resolve, MAX_BUSY);
  });

/** Changes a live region without an announcement: the region is busy until the change is drawn. */
export function withoutAnnouncing(region, change) {
  busy++;
  region.ariaBusy = "true";
  try {
    return change();
  } finally {
    nextFrame().then(() => {
      if (--busy === 0) region.ariaBusy = null;
    });
  }
}

/** Announces how many chats arrived at once, as one sentence in `status`. */
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
