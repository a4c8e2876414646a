// Keeps the view of the log: at its end it follows new chats; further up nothing moves and a button counts them.

/** How far from the end, in pixels, still counts as the end. */
const END_DISTANCE = 80;
/** How many older pages are loaded to restore a position. */
const MAX_PAGES = 20;

export class ScrollManager {
  #feed;
  #scroller;
  #button;
  #unread;
  /** A reader who opens a link to a chat stays there. */
  #isAtEnd = !location.hash;
  #newBelow = 0;
  #top = 0;

  /** `button` scrolls to the end and shows how many chats are new; `unread` is told when all is read. */
  constructor({ feed, scroller, button, unread }) {
    this.#feed = feed;
    this.#scroller = scroller;
    this.#button = button;
    this.#unread = unread;
    button.addEventListener("click", () => this.scrollToEnd());
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    // The view stays at the end when the log or the room for it changes its size.
    const resized = new ResizeObserver(() => this.#isAtEnd && this.scrollToEnd());
    resized.observe(scroller);
    resized.observe(feed);
    document.addEventListener("visibilitychange", () => !document.hidden && this.#isAtEnd && this.#reachedEnd());
    this.#top = scroller.scrollTop;
    if (this.#isAtEnd) this.#reachedEnd();
  }

  scrollToEnd() {
    this.#isAtEnd = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#top = this.#scroller.scrollTop;
    this.#reachedEnd();
  }

  /** Returns the first visible chat and its distance from the top of the log, or null at the end. */
  position() {
    const chat = this.#isAtEnd ? null : this.#firstInView();
    return chat && { id: chat.id, top: Math.round(this.#distance(chat)) };
  }

  /** Restores a position. `loadMore` loads older chats and returns whether there were any. */
  async restore({ id, top }, loadMore) {
    this.#isAtEnd = false;
    for (let page = 0; page < MAX_PAGES && !document.getElementById(id); page++) if (!(await loadMore())) break;
    const chat = document.getElementById(id);
    // The chat was removed, or is too far up.
    if (!chat || chat.hidden) return this.scrollToEnd();
    this.#scroller.scrollTop += this.#distance(chat) - top;
  }

  /** Changes the feed and keeps the view. `change` returns the new chats of others. */
  keepScroll(change) {
    const wasAtEnd = this.#isAtEnd;
    const anchor = wasAtEnd ? null : this.#firstInView();
    const top = anchor?.getBoundingClientRect().top;
    const lastSeq = Number(this.#feed.lastElementChild?.dataset.seq ?? 0);
    const chats = change();
    this.#unread.count(chats, lastSeq);
    this.#unread.drawDivider();
    if (wasAtEnd) this.scrollToEnd();
    else {
      this.#newBelow += chats.length;
      this.#updateButton();
      // The change may have replaced the element.
      const moved = anchor && document.getElementById(anchor.id);
      if (moved && !moved.hidden) this.#scroller.scrollTop += moved.getBoundingClientRect().top - top;
    }
    return chats;
  }

  #distance(chat) {
    return chat.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top;
  }

  #firstInView() {
    const { top } = this.#scroller.getBoundingClientRect();
    const isInView = (chat) => !chat.hidden && chat.getBoundingClientRect().bottom > top;
    return [...this.#feed.children].find(isInView);
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    const isNearEnd = scrollHeight - scrollTop - clientHeight < END_DISTANCE;
    // The log may have shrunk since it was scrolled, before this event: only scrolling up leaves the end.
    const hasGoneUp = scrollTop < this.#top;
    this.#top = scrollTop;
    this.#isAtEnd = isNearEnd || (this.#isAtEnd && !hasGoneUp);
    if (this.#isAtEnd) this.#reachedEnd();
  }

  #reachedEnd() {
    this.#newBelow = 0;
    this.#updateButton();
    this.#unread.markRead();
  }

  #updateButton() {
    if (!this.#newBelow && document.activeElement === this.#button) this.#scroller.focus();
    this.#button.hidden = !this.#newBelow;
    this.#button.textContent = this.#button.dataset.text.replace("#", this.#newBelow);
  }
}
