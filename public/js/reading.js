// Where one reads: the newest at first; further up nothing moves, and a button counts what came. A line marks what was
// not read yet, and the title counts what came while nobody looked.

/** How far from the end, in pixels, still counts as the end. */
const END = 80;
/** How many older pages are loaded to come back to a place. */
const PAGES = 20;

export class Reading {
  #feed;
  #scroller;
  #button;
  #me;
  #key;
  #title = document.title;
  /** Who comes to a certain chat stays there. */
  #isAtEnd = !location.hash;
  #below = 0;
  #unseen = 0;
  /** Where the log was scrolled to when that was last looked at. */
  #top = 0;
  /** The last that was read before the line. */
  #line = 0;

  /** `key` is what the place is kept under; `button` goes to the end and carries its own words; `me` is who reads. */
  constructor({ feed, scroller, button, me, key }) {
    this.#feed = feed;
    this.#scroller = scroller;
    this.#button = button;
    this.#me = me;
    this.#key = key;
    button.addEventListener("click", () => this.goToEnd());
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    // The end stays the end, whatever takes room beside the log or in it.
    const resized = new ResizeObserver(() => this.#isAtEnd && this.goToEnd());
    resized.observe(scroller);
    resized.observe(feed);
    document.addEventListener("visibilitychange", () => this.#looked());
    this.#top = scroller.scrollTop;
    this.#line = this.#kept();
    // Who has read all sees what comes.
    if (![...feed.children].some((chat) => this.#isUnread(chat))) this.#line = 0;
    this.drawLine();
    this.#looked();
  }

  goToEnd() {
    this.#isAtEnd = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#top = this.#scroller.scrollTop;
    this.#read();
  }

  /** Returns the first chat in view and its distance from the top of the log, or null at the end. */
  place() {
    const chat = this.#isAtEnd ? null : this.#firstInView();
    return chat && { id: chat.id, top: Math.round(chat.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top) };
  }

  /** Goes to a place. `loadMore` loads older chats until it is there, and returns whether there were more. */
  async goTo({ id, top }, loadMore) {
    this.#isAtEnd = false;
    for (let page = 0; page < PAGES && !document.getElementById(id); page++) if (!(await loadMore())) break;
    const chat = document.getElementById(id);
    // The chat is gone, or too far up.
    if (!chat || chat.hidden) return this.goToEnd();
    const { top: now } = chat.getBoundingClientRect();
    this.#scroller.scrollTop += now - this.#scroller.getBoundingClientRect().top - top;
  }

  /** Changes the feed by `change`, which answers the chats that others have just said, and holds the view. */
  steadily(change) {
    const wasAtEnd = this.#isAtEnd;
    const read = wasAtEnd ? null : this.#firstInView();
    const top = read?.getBoundingClientRect().top;
    const seen = Number(this.#feed.lastElementChild?.dataset.seq ?? 0);
    const news = change();
    if (document.hidden && news.length) {
      if (!this.#unseen) this.#line = seen;
      this.#unseen += news.length;
      document.title = `(${this.#unseen}) ${this.#title}`;
    }
    this.drawLine();
    if (wasAtEnd) this.goToEnd();
    else {
      this.#below += news.length;
      this.#show();
      // It may stand there anew.
      const stands = read && document.getElementById(read.id);
      if (stands && !stands.hidden) this.#scroller.scrollTop += stands.getBoundingClientRect().top - top;
    }
    return news;
  }

  /** Draws the line before the first chat of others that was not read, where it is known which one that is. */
  drawLine() {
    const drawn = this.#feed.querySelector("[data-new]");
    if (!this.#line || (drawn && this.#isUnread(drawn))) return;
    const chats = [...this.#feed.children];
    const first = chats.findIndex((chat) => this.#isUnread(chat));
    const isKnown = first > 0 && Number(chats[0].dataset.seq) <= this.#line;
    const chat = isKnown ? chats[first] : null;
    drawn?.removeAttribute("data-new");
    if (chat) chat.dataset.new = this.#button.dataset.line;
  }

  #isUnread({ hidden, dataset }) {
    return !hidden && Number(dataset.seq) > this.#line && dataset.author !== this.#me;
  }

  #firstInView() {
    const { top } = this.#scroller.getBoundingClientRect();
    const isInView = (chat) => !chat.hidden && chat.getBoundingClientRect().bottom > top;
    return [...this.#feed.children].find(isInView);
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    const isNearEnd = scrollHeight - scrollTop - clientHeight < END;
    // The log may have become smaller since it was scrolled, before anybody is told: only scrolling up leaves the end.
    const hasGoneUp = scrollTop < this.#top;
    this.#top = scrollTop;
    this.#isAtEnd = isNearEnd || (this.#isAtEnd && !hasGoneUp);
    if (this.#isAtEnd) this.#read();
  }

  #kept() {
    try {
      return Number(localStorage.getItem(this.#key));
    } catch {
      // Forbidden: no line is drawn.
      return 0;
    }
  }

  /** All is read, if somebody looks. */
  #read() {
    this.#below = 0;
    this.#show();
    if (document.hidden) return;
    const upto = Number(this.#feed.dataset.upto);
    try {
      // Another window may have read on.
      if (upto > this.#kept()) localStorage.setItem(this.#key, upto);
    } catch {
      // Forbidden.
    }
  }

  #looked() {
    if (document.hidden) return;
    this.#unseen = 0;
    document.title = this.#title;
    if (this.#isAtEnd) this.#read();
  }

  #show() {
    if (!this.#below && document.activeElement === this.#button) this.#scroller.focus();
    this.#button.hidden = !this.#below;
    this.#button.textContent = this.#button.dataset.words.replace("#", this.#below);
  }
}
