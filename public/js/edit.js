// Edits a chat where it stands: its text becomes a field.

import { MessageField, isComposing, isSendKey } from "./message_field.js";
import { request } from "./request.js";
import { session } from "./storage.js";

const keptKey = ({ address }) => `edit ${document.body.dataset.currentUser} ${address}`;
const elementOf = (seq) => document.getElementById(`chat-${seq}`);

/** Sends a text, and takes away the files whose numbers are in `remove`. Returns the chat, or why it was refused. */
async function put(address, text, { mention = [], remove = [] } = {}) {
  try {
    const body = new URLSearchParams({ text, author: document.body.dataset.currentUser });
    for (const id of mention) body.append("mention", id);
    for (const n of remove) body.append("remove", n);
    const response = await request(address, { method: "PUT", body, json: true });
    const json = await response.json();
    return response.ok ? { chat: json } : { reason: json.error?.fields?.text ?? json.error?.message };
  } catch {
    return {};
  }
}

export class ChatEditor {
  #form;
  #field;
  #toast;
  #onEdited;
  #onRemove;
  #onLost;
  /** What is edited: the chat's number and address, its text and files before, and what to do when it ends. */
  #edit = null;
  /** Texts that are not saved yet, by the chat's number: another chat may be edited in between. */
  #unsaved = new Map();

  /**
   * `onEdited` is called with the log entry of an edit, `onRemove` with a chat whose text is to be removed, `onLost` with
   * a text whose chat is gone.
   */
  constructor({ template, toast, onEdited, onRemove, onLost }) {
    this.#form = template.content.querySelector(".chat-editor").cloneNode(true);
    this.#field = new MessageField(this.#form, () => this.#changed());
    this.#toast = toast;
    this.#onEdited = onEdited;
    this.#onRemove = onRemove;
    this.#onLost = onLost;
    const [, remove, cancel] = this.#form.querySelectorAll("button");
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    remove.addEventListener("click", () => this.#remove());
    cancel.addEventListener("click", () => this.#cancel());
    this.#form.addEventListener("keydown", (event) => this.#pressed(event));
    // A page that is left with an open editor offers its text again.
    addEventListener("pagehide", () => {
      if (this.#edit && this.#field.text !== this.#edit.text) session.set(keptKey(this.#edit), this.#field.text);
    });
  }

  get isEditing() {
    return this.#edit !== null;
  }

  /** Begins to edit a chat; `onClose` is called at the end with the chat's element. */
  async start(chat, onClose) {
    const { seq } = chat.dataset;
    if (this.#edit?.seq === seq) return this.#field.focus();
    const address = chat.querySelector(".timestamp").href;
    const { text, files } = (await this.#fetch(address)) ?? {};
    const element = elementOf(seq);
    if (text === undefined || !element || element.hidden) return;
    this.#leave();
    this.#edit = { seq, address, text, files, onClose, savedRev: null, isSaving: false };
    this.#offerFiles(files);
    this.#form.elements.text.readOnly = false;
    this.#form.reset();
    this.#show(element);
    this.#field.clearError();
    this.#field.setText(this.#unsaved.get(seq) ?? session.get(keptKey(this.#edit)) ?? text);
    session.remove(keptKey(this.#edit));
    this.#field.focus();
    element.scrollIntoView({ block: "nearest" });
  }

  /** Keeps the field when another revision of its chat has arrived. */
  added(chats) {
    const chat = chats.find(({ dataset }) => dataset.seq === this.#edit?.seq);
    if (!chat) return;
    const { savedRev } = this.#edit;
    if (chat.classList.contains("removed")) this.#lose();
    else if (savedRev !== null && Number(chat.dataset.rev) >= savedRev) this.#close(chat);
    else {
      this.#move(chat);
      if (!this.#edit.isSaving) this.#field.showError(this.#toast.texts.changed);
    }
  }

  async #fetch(address) {
    try {
      const response = await request(address, { json: true });
      const chat = response.ok ? await response.json() : {};
      if (typeof chat.text === "string" && !chat.removed) return chat;
      // The chat's own page says what is wrong.
      location.assign(address);
    } catch {
      this.#toast.show(this.#toast.texts.editFailed, { isError: true });
    }
    return null;
  }

  /** Offers to take files away. */
  #offerFiles(files = []) {
    const list = this.#form.querySelector(".take-away");
    list.hidden = files.length === 0;
    const labels = files.map(({ n, name }) => {
      const label = document.createElement("label");
      // A field named "remove" would hide the form's own method.
      const box = Object.assign(document.createElement("input"), { type: "checkbox", name: "taken", value: n });
      box.addEventListener("change", () => this.#changed());
      const title = document.createElement("bdi");
      title.textContent = name;
      label.append(box, title);
      return label;
    });
    list.replaceChildren(list.firstElementChild, ...labels);
  }

  #show(chat) {
    chat.classList.add("editing");
    chat.append(this.#form);
  }

  /** Moves the field into a new element. A focus that was lost with the old element returns to the field. */
  #move(chat) {
    const { text } = this.#form.elements;
    const { selectionStart, selectionEnd } = text;
    this.#show(chat);
    if (document.activeElement !== document.body) return;
    text.focus({ preventScroll: true });
    text.setSelectionRange(selectionStart, selectionEnd);
  }

  #leave() {
    if (!this.#edit) return;
    if (this.#field.text !== this.#edit.text) this.#unsaved.set(this.#edit.seq, this.#field.text);
    this.#form.closest(".chat")?.classList.remove("editing");
    this.#form.remove();
    this.#edit = null;
  }

  #close(chat = elementOf(this.#edit.seq)) {
    const { seq, onClose } = this.#edit;
    this.#leave();
    this.#unsaved.delete(seq);
    onClose?.(chat);
  }

  #cancel() {
    this.#close();
  }

  #lose() {
    const { text } = this.#field;
    const wasChanged = text !== this.#edit.text;
    this.#close();
    if (wasChanged && text.trim()) this.#onLost(text, this.#toast.texts.gone);
  }

  #remove() {
    const chat = elementOf(this.#edit.seq);
    this.#close(chat);
    this.#onRemove(chat);
  }

  #pressed(event) {
    event.stopPropagation();
    if (event.key === "Escape" && !isComposing(event)) this.#cancel();
    else if (event.target.name === "text" && isSendKey(event)) {
      event.preventDefault();
      this.#submit();
    }
  }

  /** The numbers of the files that are to be taken away. */
  get #taken() {
    return new FormData(this.#form).getAll("taken");
  }

  get #isEmpty() {
    const files = this.#edit.files?.length ?? 0;
    return !this.#field.text.trim() && this.#taken.length === files;
  }

  /** An empty text without files offers to remove the chat. */
  #changed() {
    if (!this.#edit) return;
    const isEmpty = this.#isEmpty;
    const [save, remove] = this.#form.querySelectorAll("button");
    [save.hidden, remove.hidden] = [isEmpty, !isEmpty];
  }

  async #submit() {
    const edit = this.#edit;
    const { text } = this.#field;
    const { text: input } = this.#form.elements;
    const remove = this.#taken;
    if (this.#isEmpty) return this.#form.querySelector(".button-danger").focus();
    if (text === edit.text && !remove.length) return this.#cancel();
    // Enter may be pressed twice.
    if (edit.isSaving) return;
    edit.isSaving = input.readOnly = true;
    this.#field.clearError();
    const mention = new FormData(this.#form).getAll("mention");
    const { chat, reason = this.#toast.texts.editFailed } = await put(edit.address, text, { mention, remove });
    edit.isSaving = false;
    edit.hasTaken = remove.length > 0;
    if (chat) return this.#saved(edit, text, chat.rev);
    if (this.#edit !== edit) return this.#toast.show(reason, { isError: true });
    input.readOnly = false;
    this.#field.showError(reason);
  }

  /** Closes the field when the page shows the new text, so that the old one does not appear in between. */
  #saved(edit, text, rev) {
    const { texts } = this.#toast;
    edit.savedRev = rev;
    // The chat may have been edited again meanwhile.
    if (this.#unsaved.get(edit.seq) === text) this.#unsaved.delete(edit.seq);
    // Files that were taken away do not come back.
    const undo = edit.hasTaken ? {} : { action: texts.undo, onAction: () => this.#undo(edit) };
    this.#toast.show(texts.edited, undo);
    const element = elementOf(edit.seq);
    if (this.#edit === edit && element && Number(element.dataset.rev) >= rev) this.#close(element);
    this.#onEdited(rev);
  }

  async #undo({ address, text }) {
    const { chat, reason } = await put(address, text);
    if (chat) this.#onEdited(chat.rev);
    else this.#toast.show(reason ?? this.#toast.texts.editFailed, { isError: true });
  }
}
