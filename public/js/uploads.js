// Uploads of the outbox: the files of unsent messages go to the file server one by one, then the message follows.

import { forget, keepReceipt, sweep } from "./file_store.js";
import { loadTools, textsOfTools } from "./file_tools.js";
import { Backoff, request } from "./request.js";
import { transfer } from "./transfer.js";
import { Upload } from "./upload.js";
import { UploadRows } from "./upload_rows.js";

const MAX_AT_ONCE = 2;
const FIRST_PAUSE = 1_000;
/** How long later messages wait for files that are on their way. */
const LONGEST_HOLD = 10_000;

class Uploads {
  #form = document.getElementById("attach");
  #outbox;
  #rows;
  #items = [];
  /** The uploads of each message by its nonce. */
  #messages = new Map();
  /** Until when a message is not posted again. */
  #pauses = new Map();
  #backoff = new Backoff(FIRST_PAUSE);
  #holdTimer = 0;
  #ticket = null;
  #leaving = (event) => event.preventDefault();

  constructor(outbox) {
    this.#outbox = outbox;
    this.#rows = new UploadRows({
      elementOf: (nonce) => outbox.element(nonce),
      cancel: (upload) => this.#cancel(upload),
      retry: (upload) => this.#retry(upload),
    });
    addEventListener("online", () => this.#resume());
    const isRetry = ({ target }) => target.closest(".retry");
    document.getElementById("outbox").addEventListener("click", (event) => isRetry(event) && this.#resume(), true);
    sweep();
  }

  /** Returns the message that is posted next. Messages wait a while for files before them, not for failed ones. */
  next(items) {
    clearTimeout(this.#holdTimer);
    for (const item of items) {
      const uploads = this.#messages.get(item.nonce);
      if (!item.files) return item;
      if (!uploads || this.#pauses.get(item.nonce) > performance.now()) continue;
      if (uploads.every(({ state }) => state === "stored")) return item;
      const rest = item.at + LONGEST_HOLD - Date.now();
      const isMoving = uploads.every(({ state }) => state !== "failed" && state !== "paused");
      if (!isMoving || rest <= 0) continue;
      this.#holdTimer = setTimeout(() => this.#outbox.flush(), Math.min(rest, LONGEST_HOLD));
      return null;
    }
    return null;
  }

  /** Posts a message whose files stand. Answers as the site does. */
  async post({ nonce }, fields) {
    const uploads = this.#messages.get(nonce);
    this.#rows.lock(nonce);
    this.#pause(nonce);
    const send = (ticket) => {
      const body = new FormData();
      body.append("ticket", ticket);
      for (const [name, value] of fields) body.append(name, value);
      for (const { receipt } of uploads) body.append("receipt", receipt);
      return transfer(this.#form.action, body, { health: this.#health });
    };
    try {
      const response = await this.#withTicket(send);
      if (response.status !== 403 && response.status !== 410) return response;
      this.#restart(uploads);
      throw new Error("The receipts have expired.");
    } catch (error) {
      this.#outbox.update(nonce, { why: textsOfTools().retrying });
      throw error;
    }
  }

  /** Forgets the files of a message that is posted or discarded. */
  forget(nonce) {
    for (const upload of this.#messages.get(nonce) ?? []) upload.abort();
    this.#messages.delete(nonce);
    this.#pauses.delete(nonce);
    this.#rows.forget(nonce);
    this.#backoff.reset();
    forget(nonce);
    this.#changed();
  }

  /** Shows the files of all messages, and starts what is new among them. */
  render(items) {
    this.#items = items;
    const withFiles = items.filter(({ files }) => files);
    for (const item of withFiles) if (!this.#messages.has(item.nonce)) this.#open(item);
    const isGone = (nonce) => !withFiles.some((item) => item.nonce === nonce);
    for (const nonce of [...this.#messages.keys()].filter(isGone)) this.#close(nonce);
    this.#changed();
  }

  get #all() {
    return [...this.#messages.values()].flat();
  }

  get #health() {
    return this.#form.dataset.health ?? new URL("image/health", this.#form.action).href;
  }

  async #open(item) {
    const uploads = item.files.map((file) => new Upload(item, file));
    this.#messages.set(item.nonce, uploads);
    await Promise.all(uploads.map((upload) => upload.load()));
    this.#changed();
    this.#outbox.flush();
  }

  /** Another tab has posted or discarded the message. */
  #close(nonce) {
    for (const upload of this.#messages.get(nonce)) upload.abort();
    this.#messages.delete(nonce);
    this.#rows.forget(nonce);
    forget(nonce);
  }

  #changed() {
    for (const [nonce, uploads] of this.#messages) this.#rows.show(nonce, uploads);
    const isBusy = this.#all.some(({ state }) => state === "sending" || state === "paused");
    if (isBusy) addEventListener("beforeunload", this.#leaving);
    else removeEventListener("beforeunload", this.#leaving);
    const waiting = this.#all.filter(({ state }) => state === "waiting");
    const free = MAX_AT_ONCE - this.#all.filter(({ state }) => state === "sending").length;
    for (const upload of waiting.slice(0, Math.max(0, free))) this.#start(upload);
  }

  async #start(upload) {
    const attempt = upload.attempt((file, signal) => this.#withTicket((ticket) => this.#stage(file, ticket, signal)));
    this.#changed();
    const pause = await attempt;
    if (pause) setTimeout(() => this.#wake(upload), pause);
    this.#changed();
    this.#outbox.flush();
  }

  #wake(upload) {
    if (upload.state !== "paused") return;
    upload.state = "waiting";
    this.#changed();
  }

  #stage(upload, ticket, signal) {
    const body = new FormData();
    body.append("ticket", ticket);
    const { nonce, n, alt } = upload;
    const fields = { nonce, author: document.body.dataset.currentUser, alt, stage: "1", n };
    for (const [name, value] of Object.entries(fields)) if (value) body.append(name, value);
    body.append("file", upload.file, upload.name);
    const onProgress = (part) => {
      upload.progress = part;
      this.#rows.progress(upload);
    };
    return transfer(this.#form.action, body, { health: this.#health, onProgress, signal });
  }

  /** Sends with the page's ticket, and again with a fresh one if that has expired. */
  async #withTicket(send) {
    const { ticket } = this.#form.elements;
    const response = await send(ticket.value);
    if (response.status !== 403) return response;
    const { error } = await response
      .clone()
      .json()
      .catch(() => ({}));
    if (error?.code !== "ticket") return response;
    this.#ticket ??= this.#freshTicket().finally(() => (this.#ticket = null));
    ticket.value = await this.#ticket;
    return send(ticket.value);
  }

  async #freshTicket() {
    const response = await request(location.pathname);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    return page.querySelector("#attach [name=ticket]").value;
  }

  #pause(nonce) {
    const pause = this.#backoff.next();
    this.#pauses.set(nonce, performance.now() + pause);
    setTimeout(() => this.#outbox.flush(), pause + 1);
  }

  #restart(uploads) {
    for (const upload of uploads) {
      keepReceipt(upload.nonce, upload.n, null);
      upload.restart();
    }
    this.#changed();
  }

  #resume() {
    this.#pauses.clear();
    for (const upload of this.#all) this.#wake(upload);
  }

  #retry(upload) {
    upload.restart();
    this.#changed();
  }

  /** Takes a file out of its message. A text that is left alone asks what to do. */
  #cancel(upload) {
    const { nonce, n } = upload;
    upload.abort();
    const uploads = this.#messages.get(nonce).filter((other) => other !== upload);
    this.#messages.set(nonce, uploads);
    forget(nonce, n);
    const files = this.#items.find((item) => item.nonce === nonce)?.files.filter((file) => file.n !== n);
    if (uploads.length) this.#outbox.update(nonce, { files });
    else this.#withdraw(nonce);
    this.#outbox.flush();
  }

  /** Returns a text that has lost its files to its author. */
  #withdraw(nonce) {
    const { text } = this.#items.find((item) => item.nonce === nonce) ?? {};
    const why = textsOfTools().alone;
    if (!text || this.#outbox.restore(text, why)) this.#outbox.remove(nonce);
    else this.#outbox.update(nonce, { files: undefined, final: true, why });
  }
}

export async function open(outbox) {
  await loadTools();
  return new Uploads(outbox);
}
