// Removes a chat from the page at once, and from the site when the time to undo it is over.

import { group } from "./groups.js";
import { sleep } from "./request.js";

const DURATION = 150;
/** How long an answer is awaited before the chat is shown again. */
const TIMEOUT = 15_000;

const elementOf = (seq) => document.getElementById(`chat-${seq}`);

const setHidden = (chat, hidden) => {
  chat.hidden = hidden;
  group([chat]);
};

export class Removals {
  #toast;
  /** The address and the number of the chat that is removed here and not yet at the site. */
  #pending = null;
  #end = () => this.#toast.end();

  constructor(toast) {
    this.#toast = toast;
    // Nothing tells of the end of a page that a phone discards in the background.
    // A request that begins in `pagehide` may be lost on its way through a service worker.
    addEventListener("pagehide", () => this.#pending && toast.end());
    document.addEventListener("visibilitychange", () => document.hidden && this.#pending && toast.end());
  }

  /** Firefox keeps no page for Back that listens to `beforeunload`. */
  #setPending(removal) {
    this.#pending = removal;
    if (removal) addEventListener("beforeunload", this.#end);
    else removeEventListener("beforeunload", this.#end);
  }

  async remove(chat) {
    const { seq } = chat.dataset;
    const { texts } = this.#toast;
    const removal = { seq, address: chat.querySelector(".timestamp").href };
    this.#toast.show(texts.deleted, {
      action: texts.undo,
      onAction: () => this.#restore(removal),
      onEnd: () => this.#send(removal),
    });
    this.#setPending(removal);
    await this.#collapse(chat);
    if (this.#pending === removal) this.keepHidden([elementOf(seq)].filter(Boolean));
  }

  /** Hides the chat again after an edit has replaced its element. */
  keepHidden(chats) {
    const chat = chats.find(({ dataset }) => dataset.seq === this.#pending?.seq);
    if (chat && !chat.hidden) setHidden(chat, true);
  }

  async #collapse(chat) {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    chat.style.overflow = "clip";
    const from = { height: `${chat.offsetHeight}px`, opacity: 1 };
    const to = { height: 0, opacity: 0, paddingBlock: 0, marginBlock: 0, minHeight: 0 };
    await chat.animate([from, to], { duration: DURATION, easing: "ease-out" }).finished.catch(() => {});
    chat.style.overflow = "";
  }

  #restore(removal) {
    const { seq } = removal;
    if (this.#pending === removal) this.#setPending(null);
    const chat = elementOf(seq);
    // Another device may have removed it meanwhile: then it has no content.
    if (!chat || chat.classList.contains("removed")) return;
    setHidden(chat, false);
    chat.scrollIntoView({ block: "nearest" });
  }

  async #send(removal) {
    this.#setPending(null);
    const chat = elementOf(removal.seq);
    if (chat && !chat.hidden) setHidden(chat, true);
    const reason = await this.#delete(removal.address);
    if (reason === null) return;
    this.#restore(removal);
    const { texts } = this.#toast;
    const retry = () => {
      const again = elementOf(removal.seq);
      if (again && !again.hidden) this.remove(again);
    };
    this.#toast.show(reason || texts.deleteFailed, { action: texts.retry, onAction: retry, isError: true });
  }

  /** Returns why the chat is still there, or null. */
  async #delete(address) {
    const body = new URLSearchParams({ author: document.body.dataset.currentUser });
    const headers = { Accept: "application/json" };
    // The request outlives the page. One that can be aborted may not.
    const request = fetch(address, { method: "DELETE", body, headers, keepalive: true });
    try {
      const response = await Promise.race([request, sleep(TIMEOUT).then(() => Promise.reject(new Error("timeout")))]);
      if (response.ok || response.status === 404) return null;
      return (await response.json()).error?.message ?? "";
    } catch {
      return "";
    }
  }
}
