// Edits one of the user's messages in the composer.

import { request } from "./request.js";

export class ChatEditor {
  #form;
  #field;
  #banner;
  #onEdited;
  /** The address of the chat that is edited, and of the chat that is being fetched. */
  #address = null;
  #requested = null;
  #original = "";
  #draft = "";
  /** The text of the last edit that was sent: Enter may be pressed twice. */
  #sent = "";
  #queue = Promise.resolve();

  /** `onEdited` is called with the log entry of an edit. */
  constructor(form, field, onEdited) {
    this.#form = form;
    this.#field = field;
    this.#banner = form.querySelector("#editing");
    this.#onEdited = onEdited;
    this.#banner.querySelector("button").addEventListener("click", () => this.stop());
  }

  get isEditing() {
    return this.#address !== null;
  }

  async start(address) {
    this.#requested = address;
    const chat = await this.#fetch(address);
    if (this.#requested !== address) return;
    this.#requested = null;
    // The chat's own page says what is wrong.
    if (!chat || chat.removed) return location.assign(address);
    if (!this.isEditing) this.#draft = this.#field.text;
    this.#address = address;
    this.#original = chat.text;
    this.#sent = "";
    this.#showBanner(true);
    this.#field.setText(chat.text);
    this.#field.focus();
  }

  submit() {
    const address = this.#address;
    const { text } = this.#field;
    this.#field.clearError();
    if (text === this.#original) return this.stop();
    if (text === this.#sent) return;
    this.#sent = text;
    this.#queue = this.#queue.then(() => this.#save(address, text));
  }

  stop() {
    this.#address = null;
    this.#showBanner(false);
    this.#field.clearError();
    this.#field.setText(this.#draft);
    this.#field.focus();
  }

  #showBanner(isShown) {
    const status = this.#banner.querySelector("[role=status]");
    this.#banner.hidden = !isShown;
    status.textContent = isShown ? status.dataset.text : "";
  }

  async #fetch(address) {
    try {
      const response = await request(address, { json: true });
      return response.ok ? await response.json() : null;
    } catch {
      return null;
    }
  }

  async #save(address, text) {
    let reason = this.#form.dataset.refused;
    try {
      const body = new URLSearchParams({ text, author: document.body.dataset.currentUser });
      const response = await request(address, { method: "PUT", body, json: true });
      if (response.ok) {
        if (this.#address === address && this.#field.text === text) this.stop();
        return this.#onEdited((await response.json()).rev);
      }
      const { error = {} } = await response.json();
      reason = error.fields?.text ?? error.message ?? reason;
    } catch {
      // The text stays in the field.
    }
    if (this.#address !== address) return;
    this.#sent = "";
    this.#field.showError(reason);
  }
}
