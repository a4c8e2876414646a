// Keeps the view of the log: at its end it follows new chats; further up nothing moves and a link leads to the latest.

import { chatsOf, hasNewer } from "./merge.js";
import { session } from "./storage.js";

/** How far from the end, in pixels, still counts as the end. */
const END_DISTANCE = 80;

export class ScrollManager {
  #feed;
  #scroller;
  #link;
  #unread;
  #isAtEnd;
  #newBelow = 0;
  #top = 0;
  /** The height of the view when it was last at rest. */
  #height = 0;

  /**
   * `link` leads to the latest chat and shows how many are new; `unread` is told when all is read. `isAtEnd` is false for
   * a reader who opens a page at a certain chat.
   */
  constructor({ feed, scroller, link, unread, isAtEnd }) {
    this.#feed = feed;
    this.#scroller = scroller;
    this.#link = link;
    this.#unread = unread;
    this.#isAtEnd = isAtEnd && !hasNewer();
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    // The view stays at the end when the log or the room for it changes its size.
    const resized = new ResizeObserver(() => {
      this.#height = scroller.clientHeight;
      if (this.#isAtEnd) this.scrollToEnd();
      else this.#resized();
    });
    for (const part of [scroller, ...scroller.children]) resized.observe(part);
    document.addEventListener("visibilitychange", () => !document.hidden && this.#isAtEnd && this.#reachedEnd());
    this.#top = scroller.scrollTop;
    if (this.#isAtEnd) this.#reachedEnd();
  }

  get isAtEnd() {
    return this.#isAtEnd;
  }

  scrollToEnd() {
    this.#isAtEnd = !hasNewer();
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#top = this.#scroller.scrollTop;
    if (this.#isAtEnd) this.#reachedEnd();
    else this.#updateLink();
  }

  /** Returns the first visible chat and its distance from the top of the log, or null at the end. */
  position() {
    const chat = this.#isAtEnd ? null : this.#firstInView();
    return chat && { no: Number(chat.dataset.no), top: Math.round(this.#distance(chat)) };
  }

  /** Shows chat number `no`, or the next visible one, at a distance from the top. Returns whether it is loaded. */
  show(no, top = this.#scroller.clientHeight / 4) {
    const chats = chatsOf(this.#feed);
    if (!chats.length || no < Number(chats[0].dataset.no) || no > Number(chats.at(-1).dataset.no)) return false;
    const chat = chats.find(({ hidden, dataset }) => !hidden && Number(dataset.no) >= no);
    this.#isAtEnd = false;
    if (chat) this.#scroller.scrollTop += this.#distance(chat) - top;
    else this.scrollToEnd();
    this.#updateLink();
    return true;
  }

  /** Changes the feed and keeps the view. */
  hold(change) {
    // The reader may have scrolled since the last event.
    if (this.#scroller.scrollTop !== this.#top) this.#scrolled();
    const wasAtEnd = this.#isAtEnd;
    const anchor = wasAtEnd ? null : this.#firstInView();
    const top = anchor?.getBoundingClientRect().top;
    const changed = change();
    if (wasAtEnd && !hasNewer()) this.scrollToEnd();
    else {
      // The change may have replaced the element.
      const moved = anchor && document.getElementById(anchor.id);
      if (moved && !moved.hidden) this.#scroller.scrollTop += moved.getBoundingClientRect().top - top;
      this.#updateLink();
    }
    return changed;
  }

  /** Changes the feed and keeps the view. `change` returns the new chats of others, also those that are not loaded. */
  receive(change) {
    return this.hold(() => {
      const wasAtEnd = this.#isAtEnd;
      const chats = change();
      this.#unread.received(chats, wasAtEnd);
      this.#unread.drawDivider();
      if (!wasAtEnd) this.#newBelow += chats.length;
      return chats;
    });
  }

  #distance(chat) {
    return chat.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top;
  }

  #firstInView() {
    const { top } = this.#scroller.getBoundingClientRect();
    const isInView = (chat) => !chat.hidden && chat.getBoundingClientRect().bottom > top;
    return chatsOf(this.#feed).find(isInView);
  }

  get #toEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  #scrolled() {
    const { scrollTop, clientHeight } = this.#scroller;
    const isNearEnd = this.#toEnd < END_DISTANCE && !hasNewer();
    // The log may have shrunk since it was scrolled, before this event: only scrolling up leaves the end, and not while
    // the view changes its size, which moves it too.
    const hasGoneUp = scrollTop < this.#top && clientHeight === this.#height;
    this.#top = scrollTop;
    this.#isAtEnd = isNearEnd || (this.#isAtEnd && !hasGoneUp);
    if (this.#isAtEnd) this.#reachedEnd();
    else this.#updateLink();
  }

  /** A log that fits into the view is read without being scrolled. */
  #resized() {
    if (this.#toEnd < 1 && !hasNewer()) this.#scrolled();
    else this.#updateLink();
  }

  #reachedEnd() {
    this.#newBelow = 0;
    this.#updateLink();
    this.#unread.markRead();
  }

  #updateLink() {
    const isFar = !this.#isAtEnd && (hasNewer() || this.#toEnd > this.#scroller.clientHeight);
    const isHidden = !isFar && !this.#newBelow;
    if (isHidden && document.activeElement === this.#link) this.#scroller.focus();
    this.#link.hidden = isHidden;
    const count = this.#link.firstElementChild;
    const text = this.#newBelow ? this.#link.dataset.text.replace("#", this.#newBelow) : "";
    if (count.textContent !== text) count.textContent = text;
  }
}

/** Browsers keep only the position in the page, and load a room again on Back. */
const POSITIONS = "places";
const MAX_POSITIONS = 50;

const readPositions = () => session.getJson(POSITIONS) ?? {};

const identifyEntry = () => {
  if (history.state?.entry) return;
  const entry = `${Date.now()}-${Math.random().toString(36).slice(2)}`;
  history.replaceState({ ...history.state, entry }, "");
};

/** Returns the position that this entry of the history had. */
export const savedPosition = () => readPositions()[history.state?.entry] ?? null;

/** Saves the position that `position` returns whenever the page is left. */
export function savePosition(position) {
  identifyEntry();
  addEventListener("hashchange", identifyEntry);
  addEventListener("pagehide", () => {
    const { [history.state?.entry]: _, ...others } = readPositions();
    const positions = [...Object.entries(others), [history.state?.entry, position()]].slice(-MAX_POSITIONS);
    session.setJson(POSITIONS, Object.fromEntries(positions));
  });
}
