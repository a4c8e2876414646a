// Keeps screen readers from reading out a bulk of chats one by one.

/** The longest that a feed stays busy. Pages in the background draw no frames. */
const LONGEST = 1_000;
/** How long a sentence stands. The same sentence twice is read out only if it was gone. */
const SENTENCE = 5_000;
/** How long a count waits for more: what was missed arrives in several fragments. */
const MORE = 500;

let busy = 0;

const nextFrame = () =>
  new Promise((resolve) => {
    requestAnimationFrame(() => requestAnimationFrame(resolve));
    setTimeout(resolve, LONGEST);
  });

/** Changes a live region without its being read out: it is busy until the change was drawn. */
export function quietly(region, change) {
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

/** Says how many chats arrived in bulk, as one sentence in `status`. */
export class Announcer {
  #status;
  #counts = {};
  #timer = 0;

  constructor(status) {
    this.#status = status;
  }

  /** Adds a count to a sentence, `data-<name>` of the status with `#` for the number. */
  add(name, count) {
    if (!count) return;
    this.#counts[name] = (this.#counts[name] ?? 0) + count;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#say(), MORE);
  }

  #say() {
    const { dataset } = this.#status;
    const sentences = Object.entries(this.#counts).map(([name, count]) => dataset[name].replace("#", count));
    this.#counts = {};
    this.#status.textContent = sentences.join(" ");
    this.#timer = setTimeout(() => (this.#status.textContent = ""), SENTENCE);
  }
}
