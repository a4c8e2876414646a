// Pauses between attempts: each is twice as long, with jitter so that clients do not all retry at the same moment.

const LONGEST = 30_000;

export class Backoff {
  #first;
  #failures = 0;

  /** `first` is the longest first pause, in milliseconds. */
  constructor(first) {
    this.#first = first;
  }

  next() {
    return Math.min(LONGEST, this.#first * 2 ** this.#failures++) * (0.5 + Math.random() / 2);
  }

  reset() {
    this.#failures = 0;
  }
}

export const sleep = (pause, signal) =>
  new Promise((resolve) => {
    setTimeout(resolve, pause);
    signal?.addEventListener("abort", resolve);
  });
