// Marks what the reader has not read: a divider before the first unread chat, and a count in the title of a hidden page.

import { local } from "./storage.js";

export class UnreadTracker {
  #feed;
  #currentUser;
  #key;
  #dividerText;
  #title = document.title;
  #countInTitle = 0;
  /** The last read entry before the divider; 0 for no divider. */
  #lastRead;

  /** `key` is where the browser stores the last read entry. */
  constructor({ feed, currentUser, key, dividerText }) {
    this.#feed = feed;
    this.#currentUser = currentUser;
    this.#key = key;
    this.#dividerText = dividerText;
    this.#lastRead = this.#stored();
    // When all is read, chats that arrive later need no divider.
    if (![...feed.children].some((chat) => this.#isUnread(chat))) this.#lastRead = 0;
    this.drawDivider();
    document.addEventListener("visibilitychange", () => this.#resetTitle());
    this.#resetTitle();
  }

  /** Counts new chats of others on a hidden page. `lastSeq` is the last chat before them. */
  count(chats, lastSeq) {
    if (!document.hidden || !chats.length) return;
    if (!this.#countInTitle) this.#lastRead = lastSeq;
    this.#countInTitle += chats.length;
    document.title = `(${this.#countInTitle}) ${this.#title}`;
  }

  /** Draws the divider if the page shows where it belongs. */
  drawDivider() {
    const drawn = this.#feed.querySelector("[data-new]");
    if (!this.#lastRead || (drawn && this.#isUnread(drawn))) return;
    const chats = [...this.#feed.children];
    const first = chats.findIndex((chat) => this.#isUnread(chat));
    const isKnown = first > 0 && Number(chats[0].dataset.seq) <= this.#lastRead;
    drawn?.removeAttribute("data-new");
    if (isKnown) chats[first].dataset.new = this.#dividerText;
  }

  /** Stores that all is read, unless the page is hidden. */
  markRead() {
    if (document.hidden) return;
    const upto = Number(this.#feed.dataset.upto);
    // Another window may have read more.
    if (upto > this.#stored()) local.set(this.#key, upto);
  }

  #stored() {
    return Number(local.get(this.#key));
  }

  #isUnread({ hidden, dataset }) {
    return !hidden && Number(dataset.seq) > this.#lastRead && dataset.author !== this.#currentUser;
  }

  #resetTitle() {
    if (document.hidden) return;
    this.#countInTitle = 0;
    document.title = this.#title;
  }
}
