// Where one reads: the newest at first; further up nothing moves, and a button counts what came. A line marks what was
// not read yet, and the title counts what came while nobody looked.

/** How far from the end, in pixels, still counts as the end. */
const END = 80;

export class Reading {
  #feed;
  #scroller;
  #button;
  #key;
  #title = document.title;
  #isAtEnd = true;
  #below = 0;
  #unseen = 0;

  /** `key` is what the place is kept under; `button` goes to the end and carries its own words. */
  constructor({ feed, scroller, button, key }) {
    this.#feed = feed;
    this.#scroller = scroller;
    this.#button = button;
    this.#key = key;
    button.addEventListener("click", () => this.goToEnd());
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    // The end stays the end, whatever takes room beside the log or in it.
    const resized = new ResizeObserver(() => this.#isAtEnd && this.goToEnd());
    resized.observe(scroller);
    resized.observe(feed);
    document.addEventListener("visibilitychange", () => this.#looked());
    this.#mark();
    this.#looked();
  }

  goToEnd() {
    this.#isAtEnd = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#read();
  }

  /** Changes the feed by `change`, which answers the chats that others have just said, and holds the view. */
  steadily(change) {
    const wasAtEnd = this.#isAtEnd;
    const read = wasAtEnd ? null : this.#firstInView();
    const top = read?.getBoundingClientRect().top;
    const news = change();
    if (document.hidden && news.length) {
      if (!this.#unseen) this.#divide(news[0]);
      this.#unseen += news.length;
      document.title = `(${this.#unseen}) ${this.#title}`;
    }
    if (wasAtEnd) this.goToEnd();
    else {
      this.#below += news.length;
      this.#show();
      // It may stand there anew.
      const stands = read && document.getElementById(read.id);
      if (stands && !stands.hidden) this.#scroller.scrollTop += stands.getBoundingClientRect().top - top;
    }
  }

  #firstInView() {
    const { top } = this.#scroller.getBoundingClientRect();
    const isInView = (chat) => !chat.hidden && chat.getBoundingClientRect().bottom > top;
    return [...this.#feed.children].find(isInView);
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#isAtEnd = scrollHeight - scrollTop - clientHeight < END;
    if (this.#isAtEnd) this.#read();
  }

  /** All is read, if somebody looks. */
  #read() {
    this.#below = 0;
    this.#show();
    if (document.hidden) return;
    try {
      localStorage.setItem(this.#key, this.#feed.dataset.upto);
    } catch {
      // Forbidden: the line is not drawn the next time.
    }
  }

  #looked() {
    if (document.hidden) return;
    this.#unseen = 0;
    document.title = this.#title;
    if (this.#isAtEnd) this.#read();
  }

  #show() {
    this.#button.hidden = !this.#below;
    this.#button.textContent = this.#button.dataset.words.replace("#", this.#below);
  }

  /** Draws the line where one left off the last time. */
  #mark() {
    let read = 0;
    try {
      read = Number(localStorage.getItem(this.#key));
    } catch {
      // Forbidden.
    }
    const chats = [...this.#feed.children].filter((chat) => !chat.hidden);
    const first = chats.findIndex((chat) => chat.dataset.seq > read);
    // Nothing was read before, or all of it.
    if (read && first > 0) this.#divide(chats[first]);
  }

  #divide(chat) {
    this.#feed.querySelector("[data-new]")?.removeAttribute("data-new");
    chat.dataset.new = this.#button.dataset.line;
  }
}
