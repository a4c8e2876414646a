// One file of an unsent message on its way to the file server.

import { fileOf, keepReceipt, receiptOf } from "./file_store.js";
import { textsOfTools } from "./file_tools.js";
import { Backoff } from "./request.js";

const FIRST_PAUSE = 1_000;
/** The server keeps a file without its message for an hour. */
const RECEIPT_AGE = 50 * 60_000;

/** Runs `work` while no other tab does the same. Browsers have locks on secure pages only. */
const exclusively = (name, signal, work) =>
  navigator.locks ? navigator.locks.request(name, { signal }, work) : work();

/** Its `state` is `loading`, `waiting`, `sending`, `paused` until the next attempt, `stored` or `failed`. */
export class Upload {
  state = "loading";
  progress = 0;
  why = "";
  file = null;
  receipt = null;
  /** Whether another attempt with the same file may succeed. */
  mayRetry = true;
  #backoff = new Backoff(FIRST_PAUSE);
  #controller = null;

  constructor({ nonce }, { n, name, size, alt }) {
    Object.assign(this, { nonce, n, name, size, alt });
  }

  /** Reads the file, and what an earlier visit of the page has reached. */
  async load() {
    this.file = await fileOf(this.nonce, this.n);
    const receipt = await receiptOf(this.nonce, this.n, RECEIPT_AGE);
    if (receipt) this.#stored(receipt);
    else this.state = "waiting";
  }

  /** Sends the file with `send`. Returns after how long the next attempt follows, or nothing. */
  async attempt(send) {
    this.state = "sending";
    this.progress = 0;
    this.#controller = new AbortController();
    const { signal } = this.#controller;
    try {
      return await exclusively(`upload ${this.nonce} ${this.n}`, signal, () => this.#send(send, signal));
    } catch {
      return signal.aborted ? null : this.#pause(textsOfTools().retrying);
    }
  }

  restart() {
    Object.assign(this, { state: "waiting", why: "", receipt: null });
    this.#backoff.reset();
  }

  abort() {
    this.state = "failed";
    this.#controller?.abort();
  }

  async #send(send, signal) {
    // Another tab may have been faster.
    const known = await receiptOf(this.nonce, this.n, RECEIPT_AGE);
    if (known) return this.#stored(known);
    this.file ??= await fileOf(this.nonce, this.n);
    this.mayRetry = Boolean(this.file);
    if (!this.file) return this.#fail(textsOfTools().lost);
    const response = await send(this, signal);
    const { receipt, error } = await response.json().catch(() => ({}));
    if (response.status === 201 && receipt) {
      this.#stored(receipt);
      return keepReceipt(this.nonce, this.n, receipt);
    }
    const { status } = response;
    const isTransient = status === 403 || status === 408 || status === 429 || (status >= 500 && status !== 507);
    this.mayRetry = status !== 413 && status !== 422;
    return isTransient ? this.#pause(error?.message) : this.#fail(error?.message);
  }

  #stored(receipt) {
    Object.assign(this, { state: "stored", receipt, why: "", progress: 1 });
  }

  #fail(why = textsOfTools().failed) {
    Object.assign(this, { state: "failed", why });
  }

  #pause(why = textsOfTools().retrying) {
    Object.assign(this, { state: "paused", why });
    return this.#backoff.next();
  }
}
