// The composer: sends messages to the outbox, keeps the draft, reports typing.

import { MessageField, isComposing, isSendKey } from "./message_field.js";
import { local, session } from "./storage.js";

const TYPING_INTERVAL = 3_000;

/** The text in the composer. This tab keeps its own, and the browser keeps the last one for a tab that opens later. */
class Draft {
  #key;

  constructor(key) {
    this.#key = key;
  }

  load() {
    return session.get(this.#key) ?? local.get(this.#key) ?? "";
  }

  save(text) {
    for (const storage of [session, local]) {
      if (text.trim()) storage.set(this.#key, text);
      else storage.remove(this.#key);
    }
  }
}

export class Composer {
  #field;
  #draft;
  #send;
  #onTyping;
  #editLast;
  /** When typing was last reported, by a clock that cannot be set. */
  #reportedAt = -Infinity;

  /** `send` takes a message's text; `editLast` edits the user's last message and returns whether there is one. */
  constructor(form, { draftKey, send, onTyping, editLast }) {
    this.#field = new MessageField(form, (isTyped) => this.#changed(isTyped));
    this.#draft = new Draft(draftKey);
    this.#send = send;
    this.#onTyping = onTyping;
    this.#editLast = editLast;
    this.#field.setText(this.#field.text || this.#draft.load());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    form.elements.text.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** Puts a refused text back into an empty field. Returns whether it did. */
  restore(text, reason) {
    if (this.#field.text) return false;
    this.#field.setText(text);
    this.#field.showError(reason);
    return true;
  }

  #pressed(event) {
    if (isSendKey(event)) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "ArrowUp" && !isComposing(event) && !this.#field.text && this.#editLast()) {
      event.preventDefault();
    }
  }

  #submit() {
    if (this.#field.isMissing || this.#field.isReadOnly) return;
    this.#field.clearError();
    this.#send(this.#field.text);
    // The next key is reported at once.
    this.#reportedAt = -Infinity;
    this.#field.setText("");
    this.#field.focus();
  }

  #changed(isTyped) {
    this.#draft.save(this.#field.text);
    if (!isTyped || performance.now() - this.#reportedAt < TYPING_INTERVAL) return;
    this.#reportedAt = performance.now();
    this.#onTyping();
  }
}
