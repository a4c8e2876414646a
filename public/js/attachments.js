// Files that go with the next message: chosen by the button, pasted, or dropped on the page.

import { createRow, isPicture, showPicture, sizeInWords } from "./file_row.js";
import { keep } from "./file_store.js";
import { loadTools, textsOfTools, tool } from "./file_tools.js";
import { isTouch } from "./message_field.js";
import { loadStyleSheet } from "./style_sheet.js";

const MAX_FILES = 10;
/** A browser tells at least this often that files are above the page, in milliseconds. */
const ZONE_TIME = 600;

/** Returns whether a file can be read: a folder cannot. */
const isReadable = (file) =>
  file.slice(0, 1).arrayBuffer().then(
    () => true,
    () => false,
  );

/** Returns the text of a field as the clipboard's text is inserted. */
const asTyped = (text) => text.replaceAll("\r\n", "\n").replaceAll("\r", "\n");

class Attachments {
  #form;
  #text;
  #limits;
  #list = tool("#chosen-files");
  #errors = tool("#attach-errors");
  #zone = tool("#drop-zone");
  #zoneTimer = 0;
  #offer = tool("#paste-picture");
  #chosen = [];
  /** The text that was pasted with pictures: its place in the field. */
  #pasted = null;
  #leaving = (event) => event.preventDefault();

  constructor(form) {
    const { pictureBytes, fileBytes } = document.getElementById("attach").dataset;
    this.#form = form;
    this.#text = form.elements.text;
    this.#limits = { picture: Number(pictureBytes), file: Number(fileBytes) };
    loadStyleSheet("attachments");
    form.querySelector(".composer-field").before(this.#errors, this.#list);
    document.querySelector(".conversation").append(this.#zone);
    this.#offer.addEventListener("click", () => this.#takeOffer());
    this.#text.addEventListener("input", ({ inputType }) => inputType !== "insertFromPaste" && this.#endOffer());
    form.addEventListener("submit", () => this.#endOffer());
    addEventListener("drop", () => (this.#zone.hidden = true));
  }

  /** Takes the files of an event. `text` is pasted with them. */
  receive({ type, target }, files, text = "") {
    if (this.#text.readOnly) return;
    if (type === "dragover") this.#showZone();
    else if (type !== "paste") this.add(files);
    else if (target === this.#text || !target.closest?.("input, textarea, dialog")) this.#paste(files, text);
  }

  /** Adds files to the message, and says which of them are too large or too many. */
  async add(files) {
    const readable = await Promise.all(files.map(isReadable));
    const { tooMany, tooLarge, folder } = textsOfTools();
    this.#errors.replaceChildren();
    if (readable.includes(false)) this.#say(folder);
    for (const file of files.filter((_, index) => readable[index])) {
      const limit = isPicture(file) ? this.#limits.picture : this.#limits.file;
      if (this.#chosen.length >= MAX_FILES) return this.#say(tooMany.replace("#", MAX_FILES));
      if (file.size > limit) this.#say(tooLarge.replace("#", sizeInWords(limit)).replace("@", () => file.name));
      else this.#choose(file);
    }
    if (!isTouch()) this.#text.focus();
  }

  /** Keeps the files for the message with this nonce. Returns how the outbox describes them, or nothing. */
  take(nonce) {
    if (!this.#chosen.length) return undefined;
    const files = this.#chosen.map(({ file, row, free }, index) => {
      keep(nonce, index + 1, file);
      free?.();
      const alt = row.querySelector("[name=alt]")?.value.trim();
      return { n: index + 1, name: file.name, size: file.size, alt: alt || undefined };
    });
    this.#chosen = [];
    this.#errors.replaceChildren();
    this.#changed();
    return files;
  }

  #choose(file) {
    const row = createRow(file);
    const one = { file, row, free: isPicture(file) ? showPicture(row, file) : null };
    for (const part of row.querySelectorAll("progress, .file-state, .retry")) part.remove();
    const alt = row.querySelector("[name=alt]");
    alt.ariaLabel = `${alt.placeholder}: ${file.name}`;
    if (!isPicture(file)) alt.remove();
    row.querySelector(".remove").addEventListener("click", () => this.#remove(one));
    this.#chosen.push(one);
    this.#list.append(row);
    this.#changed();
    row.scrollIntoView({ block: "nearest" });
  }

  #remove(one) {
    const index = this.#chosen.indexOf(one);
    one.free?.();
    this.#chosen.splice(index, 1);
    this.#errors.replaceChildren();
    this.#changed();
    const next = this.#chosen[index] ?? this.#chosen.at(-1);
    (next?.row.querySelector(".remove") ?? this.#text).focus();
  }

  /** A message with files needs no text. */
  #changed() {
    const hasFiles = this.#chosen.length > 0;
    this.#list.replaceChildren(...this.#chosen.map(({ row }) => row));
    this.#list.hidden = !hasFiles;
    this.#text.required = !hasFiles;
    if (hasFiles) addEventListener("beforeunload", this.#leaving);
    else removeEventListener("beforeunload", this.#leaving);
  }

  #say(text) {
    const error = document.createElement("p");
    error.className = "field-error";
    error.textContent = text;
    this.#errors.append(error);
  }

  /** Text wins over its picture: spreadsheets copy both. Files that only bring their names are files. */
  #paste(files, text) {
    const typed = asTyped(text);
    const end = this.#text.selectionStart;
    const start = end - typed.length;
    const isInserted = typed && this.#text.value.slice(start, end) === typed;
    const isNames = typed.trim() === files.map(({ name }) => name).join("\n");
    this.#pasted = isInserted ? { files, typed, start } : null;
    if (!typed) this.add(files);
    else if (isNames) this.#takeOffer();
    else if (isInserted) this.#errors.after(this.#offer);
  }

  #takeOffer() {
    const { files, typed, start } = this.#pasted ?? {};
    this.#endOffer();
    if (!files) return;
    const { value } = this.#text;
    if (value.slice(start, start + typed.length) === typed) {
      this.#text.setRangeText("", start, start + typed.length, "end");
      this.#text.dispatchEvent(new Event("input"));
    }
    this.add(files);
    this.#text.focus();
  }

  #endOffer() {
    this.#pasted = null;
    this.#offer.remove();
  }

  /** Shows where files may be dropped as long as they are above the page. Not all browsers say when they leave. */
  #showZone() {
    this.#zone.hidden = false;
    clearTimeout(this.#zoneTimer);
    this.#zoneTimer = setTimeout(() => (this.#zone.hidden = true), ZONE_TIME);
  }
}

/** `form` is the composer. */
export async function openAttachments(form) {
  await loadTools();
  return new Attachments(form);
}
