// Loads chats before and behind those of the page while the view stays where it is, and bounds how many the page holds.

import { MAX_CHATS, chatsOf, hasNewer, isOutside, merge, parse, upsert, withoutAnnouncing } from "./merge.js";
import { request } from "./request.js";

/** Chats in a fragment of the site. */
const PAGE = 50;
/** Chats on each side of the one that a view jumps to. */
const AROUND = 25;
/** Chats that stay when a page holds too many. */
const KEPT = MAX_CHATS - 300;

const numberOf = (chat) => Number(chat?.dataset.no ?? 0);
/** Returns the number of the first chat of a feed. Events stand before it only at the start of the log: then it is 0. */
const firstOf = (feed) => numberOf(feed.firstElementChild);
/** Returns the number of the last chat of a feed. Events may stand behind it. */
const lastOf = (feed) => numberOf(chatsOf(feed).at(-1));

/** Returns whether no chat lies between those of two feeds. */
const adjoins = (one, other) => firstOf(one) <= lastOf(other) + 1 && firstOf(other) <= lastOf(one) + 1;

export class Pagination {
  #feed;
  #scroller;
  #scroll;
  #onLoaded;
  #observer;
  #loading = null;
  /** Chats that arrived during a request and belong where none were loaded. */
  #held = [];

  /** `onLoaded` is called with the chats that were added and what to announce. */
  constructor({ feed, scroller, scroll, onLoaded }) {
    this.#feed = feed;
    this.#scroller = scroller;
    this.#scroll = scroll;
    this.#onLoaded = onLoaded;
    const load = ({ isIntersecting, target }) => isIntersecting && this.#load(target.id);
    this.#observer = new IntersectionObserver((entries) => entries.forEach(load), {
      root: scroller,
      rootMargin: "200px 0px",
    });
    scroller.addEventListener("click", (event) => {
      const link = event.target.closest(".load-more");
      if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      this.#load(link.id);
    });
    this.#observe();
  }

  hold(chats) {
    if (this.#loading) this.#held.push(...chats);
  }

  /** Loads the chats around chat number `no`, and keeps those of the page if they adjoin. Returns whether that worked. */
  around(no) {
    return this.#replace(`?before=${no + AROUND + 1}`, no + AROUND);
  }

  /** Replaces the chats by the latest ones. Returns whether that worked. */
  latest() {
    return this.#replace("", Infinity);
  }

  /** Drops the chats that are farthest from the view if the page holds too many. */
  trim() {
    if (this.#feed.childElementCount <= MAX_CHATS) return;
    const { scrollTop, scrollHeight } = this.#scroller;
    const isAbove = !this.#scroll.isAtEnd && scrollTop < scrollHeight / 2;
    this.#scroll.hold(() => this.#drop(isAbove));
  }

  #load(id) {
    return this.#loading ?? (id === "load-older" ? this.#loadOlder() : this.#loadNewer());
  }

  #loadOlder() {
    const add = (fragment) => this.#add(merge(this.#feed, fragment), hasNewer(), "older");
    return this.#fetch(`?before=${firstOf(this.#feed)}`, (fragment) =>
      this.#scroll.hold(() => add(fragment)),
    );
  }

  #loadNewer() {
    const last = lastOf(this.#feed) + PAGE;
    return this.#fetch(`?before=${last + 1}`, (fragment) => {
      const isFull = lastOf(fragment) >= last;
      this.#scroll.hold(() => this.#add(merge(this.#feed, fragment), isFull, "loaded"));
    });
  }

  async #replace(query, last) {
    while (this.#loading) await this.#loading;
    return this.#fetch(query, (fragment) => {
      if (adjoins(this.#feed, fragment)) {
        const end = lastOf(fragment);
        const isFollowed = end > lastOf(this.#feed) ? end >= last : hasNewer();
        return this.#scroll.hold(() => this.#add(merge(this.#feed, fragment), isFollowed));
      }
      const chats = [...fragment.children].map((chat) => document.adoptNode(chat));
      this.#feed.replaceChildren(...chats);
      this.#add(chats, lastOf(this.#feed) >= last);
    });
  }

  #fetch(query, change) {
    this.#loading = this.#tryFetch(query, change).finally(() => (this.#loading = null));
    return this.#loading;
  }

  async #tryFetch(query, change) {
    this.#held = [];
    try {
      const response = await request(`/room/${this.#feed.dataset.room}/chat${query}`);
      if (!response.ok) return false;
      const fragment = parse(await response.text());
      withoutAnnouncing(this.#feed, () => change(fragment));
    } catch {
      // The links stay and work by themselves.
      return false;
    }
    // Observing a link again loads the next page. After a failure that would load in a loop.
    queueMicrotask(() => this.#observe());
    return true;
  }

  #add(chats, isFollowed, direction) {
    this.#drawLinks(isFollowed);
    const held = this.#held.filter((chat) => !isOutside(this.#feed, chat) && upsert(this.#feed, chat));
    this.#onLoaded([...chats, ...held], direction);
    if (this.#feed.childElementCount > MAX_CHATS) this.#drop(direction === "older");
  }

  #drop(dropsNewer) {
    const chats = [...this.#feed.children];
    let end = dropsNewer ? KEPT : chats.length - KEPT;
    // Events stay with the chat before them: they are loaded with it.
    while (chats[end] && !chats[end].matches("article")) end++;
    const dropped = dropsNewer ? chats.slice(end) : chats.slice(0, end);
    dropped.forEach((chat) => chat.remove());
    this.#drawLinks(dropsNewer || hasNewer());
    this.#observe();
  }

  #drawLinks(isFollowed) {
    const first = firstOf(this.#feed);
    this.#drawLink("older", first > 1 && `?before=${first}`, "before");
    this.#drawLink("newer", isFollowed && `?before=${lastOf(this.#feed) + PAGE + 1}#feed`, "after");
  }

  #drawLink(name, query, place) {
    const id = `load-${name}`;
    const old = document.getElementById(id);
    if (!query) return old?.remove();
    const link = old ?? document.createElement("a");
    link.href = `/room/${this.#feed.dataset.room}${query}`;
    if (old) return;
    Object.assign(link, { id, className: "load-more", textContent: this.#scroller.dataset[name] });
    this.#feed[place](link);
  }

  #observe() {
    this.#observer.disconnect();
    for (const link of this.#scroller.querySelectorAll(".load-more")) this.#observer.observe(link);
  }
}
