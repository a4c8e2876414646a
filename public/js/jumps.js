// Jumps in the log: to the latest chat, to the first unread one, to a linked one, and back.

import { timeInWords } from "./local_time.js";
import { hasNewer } from "./merge.js";
import { request } from "./request.js";

/** How long the way back is offered. */
const BACK_TIME = 20_000;

const byId = (id) => document.getElementById(id);

export class Jumps {
  #feed;
  #scroller;
  #scroll;
  #unread;
  #pages;
  #bar = byId("unread-bar");
  #back = byId("jump-back");
  #timer = 0;
  #place = null;

  /** `pages` returns the pagination. */
  constructor({ feed, scroller, scroll, unread, pages }) {
    this.#feed = feed;
    this.#scroller = scroller;
    this.#scroll = scroll;
    this.#unread = unread;
    this.#pages = pages;
    this.#back.addEventListener("click", () => this.#goBack());
    this.#bar.querySelector("button").addEventListener("click", () => this.#hideBar());
    this.#bar.querySelector("a").addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      this.#toUnread();
    });
    scroller.addEventListener("scroll", () => !this.#bar.hidden && this.#seesUnread() && this.#hideBar(), {
      passive: true,
    });
  }

  /** Shows the latest chats, or the last loaded ones if the site cannot be reached. */
  async toLatest() {
    const place = this.#scroll.position();
    if (hasNewer() && !(await (await this.#pages()).latest())) return this.#scroll.scrollToEnd();
    if (location.search || location.hash) history.replaceState(history.state, "", location.pathname);
    this.#scroll.scrollToEnd();
    if (place) this.#offerBack(place);
    this.offerUnread();
  }

  /** Shows chat number `no` at a distance from the top. Returns whether that worked. */
  async show(no, top) {
    return this.#scroll.show(no, top) || ((await (await this.#pages()).around(no)) && this.#scroll.show(no, top));
  }

  /** Shows the chat that the address names and marks it. */
  async toLinked(seq) {
    try {
      const response = await request(`/room/${this.#feed.dataset.room}/chat/${seq}`, { json: true });
      const { no } = response.ok ? await response.json() : {};
      if (!no || !(await this.show(no))) return;
      const { state } = history;
      const address = `${location.pathname}?at=${no}#chat-${seq}`;
      history.replaceState(state, "", address);
      // Going to the same place again marks an element that was not there before.
      location.replace(`#chat-${seq}`);
      history.replaceState(state, "", address);
    } catch {
      // The latest chats stay.
    }
  }

  /** Offers the way to the first unread chat if it is above the view. */
  offerUnread() {
    const { summary } = this.#unread;
    if (!summary) return;
    if (this.#seesUnread()) return this.#unread.dismiss();
    const { count, at, no } = summary;
    const [text, link] = this.#bar.children;
    text.textContent = this.#bar.dataset.text.replace("#", count).replace("@", timeInWords(at));
    link.href = `${location.pathname}?at=${no + 1}`;
    this.#bar.hidden = false;
  }

  async #toUnread() {
    const { summary } = this.#unread;
    this.#hideBar();
    if (summary) await this.show(summary.no + 1);
  }

  #hideBar() {
    if (this.#bar.contains(document.activeElement)) this.#scroller.focus({ preventScroll: true });
    this.#bar.hidden = true;
    this.#unread.dismiss();
  }

  #seesUnread() {
    const first = this.#feed.querySelector("[data-new]");
    return Boolean(first) && first.getBoundingClientRect().top >= this.#scroller.getBoundingClientRect().top;
  }

  #offerBack(place) {
    this.#place = place;
    this.#back.hidden = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#hideBack(), BACK_TIME);
  }

  #hideBack() {
    if (document.activeElement === this.#back) this.#scroller.focus({ preventScroll: true });
    this.#back.hidden = true;
  }

  async #goBack() {
    this.#hideBack();
    await this.show(this.#place.no, this.#place.top);
  }
}
