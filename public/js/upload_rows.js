// The files of unsent messages, as the outbox shows them: with their progress, and with what went wrong.

import { createRow, isPicture, showPicture } from "./file_row.js";
import { textsOfTools } from "./file_tools.js";
import { loadStyleSheet } from "./style_sheet.js";

export class UploadRows {
  #elementOf;
  #cancel;
  #retry;
  /** The row of each upload, and what frees its picture. */
  #rows = new Map();
  #locked = new Set();

  /** `elementOf` returns the element of a message; `cancel` and `retry` are called with an upload. */
  constructor({ elementOf, cancel, retry }) {
    this.#elementOf = elementOf;
    this.#cancel = cancel;
    this.#retry = retry;
  }

  show(nonce, uploads) {
    const element = this.#elementOf(nonce);
    if (!element) return;
    const list = element.querySelector(".file-rows") ?? this.#createList(element);
    for (const [upload, { row, free }] of this.#rows) {
      if (upload.nonce !== nonce || uploads.includes(upload)) continue;
      row.remove();
      free?.();
      this.#rows.delete(upload);
    }
    for (const upload of uploads) this.#update(upload, list);
  }

  progress(upload) {
    const bar = this.#rows.get(upload)?.row.querySelector("progress");
    if (bar) bar.value = upload.progress;
  }

  /** Takes the buttons away: the message is being posted. */
  lock(nonce) {
    this.#locked.add(nonce);
    for (const button of this.#elementOf(nonce)?.querySelectorAll(".file-row .remove") ?? []) button.hidden = true;
  }

  forget(nonce) {
    for (const [upload, { free }] of this.#rows) {
      if (upload.nonce !== nonce) continue;
      // The row stays until the chat takes its place.
      if (free) setTimeout(free, 10_000);
      this.#rows.delete(upload);
    }
    this.#locked.delete(nonce);
  }

  #createList(element) {
    loadStyleSheet("attachments");
    const list = document.createElement("ul");
    list.className = "file-rows";
    element.querySelector(".text").after(list);
    element.classList.add("has-files");
    return list;
  }

  #update(upload, list) {
    const known = this.#rows.get(upload) ?? this.#create(upload, list);
    const { row } = known;
    const { state, why, file } = upload;
    if (file && isPicture(file)) known.free ??= showPicture(row, file);
    if (row.dataset.state === state && row.querySelector(".file-state").textContent === why) return;
    row.dataset.state = state;
    this.progress(upload);
    row.querySelector(".file-state").textContent = why;
    row.querySelector(".retry").hidden = !why || !upload.mayRetry || state === "sending";
    row.querySelector(".remove").hidden = this.#locked.has(upload.nonce);
  }

  #create(upload, list) {
    const row = createRow(upload);
    row.querySelector("[name=alt]").remove();
    row.querySelector("progress").ariaLabel = textsOfTools().uploading.replace("#", () => upload.name);
    row.querySelector(".retry").addEventListener("click", () => this.#retry(upload));
    row.querySelector(".remove").addEventListener("click", () => this.#cancel(upload));
    list.append(row);
    const known = { row, free: null };
    this.#rows.set(upload, known);
    return known;
  }
}
