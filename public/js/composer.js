// The composer: sends messages to the outbox, keeps the draft, reports typing.

import { Draft } from "./draft.js";
import { ChatEditor } from "./edit.js";
import { MessageField, isSendKey } from "./message_field.js";

const TYPING_INTERVAL = 3_000;

export class Composer {
  #field;
  #draft;
  #editor;
  #send;
  #onTyping;
  #lastChat;
  /** When typing was last reported, by a clock that cannot be set. */
  #reportedAt = -Infinity;

  /** `send` takes a message's text; `lastChat` returns the address of the user's last message. */
  constructor(form, { draftKey, send, onTyping, onEdited, lastChat }) {
    this.#field = new MessageField(form, (isTyped) => this.#changed(isTyped));
    this.#draft = new Draft(draftKey);
    this.#editor = new ChatEditor(form, this.#field, onEdited);
    this.#send = send;
    this.#onTyping = onTyping;
    this.#lastChat = lastChat;
    this.#field.setText(this.#field.text || this.#draft.load());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    form.elements.text.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** Puts a refused text back into an empty field. Returns whether it did. */
  restore(text, reason) {
    if (this.#editor.isEditing || this.#field.text) return false;
    this.#field.setText(text);
    this.#field.showError(reason);
    return true;
  }

  edit(address) {
    return this.#editor.start(address);
  }

  #pressed(event) {
    if (isSendKey(event)) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "Escape" && this.#editor.isEditing) this.#editor.stop();
    else if (event.key === "ArrowUp" && !event.isComposing && !this.#field.text) {
      const last = this.#lastChat();
      if (!last) return;
      event.preventDefault();
      this.edit(last);
    }
  }

  #submit() {
    if (this.#editor.isEditing) return this.#editor.submit();
    if (!this.#field.text.trim()) return;
    this.#field.clearError();
    this.#send(this.#field.text);
    // The next key is reported at once.
    this.#reportedAt = -Infinity;
    this.#field.setText("");
    this.#field.focus();
  }

  #changed(isTyped) {
    if (!this.#editor.isEditing) this.#draft.save(this.#field.text);
    if (!isTyped || performance.now() - this.#reportedAt < TYPING_INTERVAL) return;
    this.#reportedAt = performance.now();
    this.#onTyping();
  }
}
