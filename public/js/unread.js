// Marks what the reader has not read: a divider before the first unread chat, and a count in the title of a hidden page.

import { group } from "./groups.js";
import { chatsOf, hasNewer } from "./merge.js";
import { local } from "./storage.js";

export class UnreadTracker {
  #feed;
  #currentUser;
  #key;
  #dividerText;
  #title = document.title;
  #countInTitle = 0;
  /** The last read entry before the divider, the number of its chat, and when it was read. */
  #lastRead;
  #hasUnread;
  #onRead;
  #isDismissed = false;
  /** The highest known number of a chat. */
  #newest = 0;

  /** `key` is where the browser stores the last read entry. */
  constructor({ feed, currentUser, key, dividerText, onRead }) {
    this.#feed = feed;
    this.#currentUser = currentUser;
    this.#key = key;
    this.#dividerText = dividerText;
    this.#onRead = onRead;
    this.#lastRead = this.#stored();
    this.#hasUnread = hasNewer() || chatsOf(feed).some((chat) => this.#isUnread(chat));
    // When all is read, chats that arrive later need no divider.
    if (!this.#hasUnread) this.#lastRead = null;
    this.drawDivider();
    document.addEventListener("visibilitychange", () => this.#resetTitle());
    this.#resetTitle();
  }

  /** Returns the last read chat and how many follow it, or null if that is unknown or none do. */
  get summary() {
    const { no, at } = this.#lastRead ?? {};
    return no && at && !this.#isDismissed && this.#newest > no ? { no, at, count: this.#newest - no } : null;
  }

  /** Changes the name of the room in the title of the page. */
  rename(from, to) {
    this.#title = this.#title.replace(from, () => to);
    document.title = document.title.replace(from, () => to);
  }

  /** Forgets the summary until more is unread. */
  dismiss() {
    this.#isDismissed = true;
  }

  /** Takes note of new chats of others. `isAtEnd` tells whether the reader sees them unless the page is hidden. */
  received(chats, isAtEnd) {
    if (!chats.length) return;
    const { seq, no } = chats[0].dataset;
    this.#newest = Math.max(this.#newest, Number(chats.at(-1).dataset.no));
    if (isAtEnd && !document.hidden) return;
    if (!this.#hasUnread) {
      this.#lastRead = { seq: seq - 1, no: no - 1, at: Date.now() };
      this.#isDismissed = false;
    }
    this.#hasUnread = true;
    if (!document.hidden) return;
    this.#countInTitle += chats.length;
    document.title = `(${this.#countInTitle}) ${this.#title}`;
  }

  /** Draws the divider if the page shows where it belongs. */
  drawDivider() {
    if (!hasNewer()) this.#newest = Math.max(this.#newest, this.#lastNumber());
    const drawn = this.#feed.querySelector("[data-new]");
    if (!this.#lastRead?.seq || (drawn && this.#isUnread(drawn))) return;
    const chats = chatsOf(this.#feed);
    const first = chats.findIndex((chat) => this.#isUnread(chat));
    const isKnown = first > 0 && Number(chats[0].dataset.seq) <= this.#lastRead.seq;
    drawn?.removeAttribute("data-new");
    if (isKnown) chats[first].dataset.new = this.#dividerText;
    // The divider starts a group.
    group([drawn, isKnown && chats[first]].filter((chat) => chat?.isConnected));
  }

  /** Stores that all is read, unless the page is hidden. */
  markRead() {
    if (document.hidden) return;
    this.#onRead(this.#lastNumber());
    this.#hasUnread = false;
    const upto = Number(this.#feed.dataset.upto);
    const { seq, no } = this.#stored();
    // Another window may have read more.
    if (upto > seq || !no) local.set(this.#key, `${upto} ${this.#lastNumber()} ${Date.now()}`);
  }

  #stored() {
    const [seq = 0, no = 0, at = 0] = (local.get(this.#key) ?? "").split(" ").map(Number);
    return { seq, no, at };
  }

  #lastNumber() {
    return Number(chatsOf(this.#feed).at(-1)?.dataset.no ?? 0);
  }

  #isUnread({ hidden, dataset }) {
    return !hidden && Number(dataset.seq) > this.#lastRead.seq && dataset.author !== this.#currentUser;
  }

  #resetTitle() {
    if (document.hidden) return;
    this.#countInTitle = 0;
    document.title = this.#title;
  }
}
