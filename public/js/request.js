// Requests with a time-out, and the pauses between attempts.

const TIMEOUT = 15_000;

/** Fetches an address as `fetch` does. `json` asks for JSON. */
export function request(address, { timeout = TIMEOUT, signal, json = false, ...options } = {}) {
  const signals = [AbortSignal.timeout(timeout), signal].filter(Boolean);
  const headers = json ? { Accept: "application/json" } : {};
  return fetch(address, { headers, ...options, signal: AbortSignal.any(signals) });
}

/** The longest pause, in milliseconds. */
const LONGEST = 30_000;

/** Pauses between attempts: each is twice as long, with jitter so that clients do not all retry at the same moment. */
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
