// The page's one rule: put each element where its id says, replace it if its `rev` is older, else insert it by `seq`.
// A fragment that arrives twice or out of order changes nothing. A chat that belongs where none are loaded is left out.

import { localize } from "./local_time.js";

/** A page holds at most about this many chats. */
export const MAX_CHATS = 1_500;

const number = (article, name) => Number(article.dataset[name]);

/** Returns the chats of a feed, without the events between them. */
export const chatsOf = (feed) => [...feed.querySelectorAll("article")];

/** Returns whether chats follow those of the page that are not loaded. */
export const hasNewer = () => Boolean(document.getElementById("load-newer"));

/** Returns whether a chat lies before the first loaded one, or behind the last one of a page that has newer ones. */
export function isOutside(feed, article) {
  if (feed.querySelector(`#${CSS.escape(article.id)}`)) return false;
  const seq = number(article, "seq");
  const { firstElementChild: first, lastElementChild: last } = feed;
  const isOlder = first && number(first, "no") > 1 && seq < number(first, "seq");
  return isOlder || (hasNewer() && !(last && seq < number(last, "seq")));
}

/** Inserts an article, or replaces an older one. Returns whether the feed changed. `near` is where to look first. */
export function upsert(feed, article, near = null) {
  const present = feed.querySelector(`#${CSS.escape(article.id)}`);
  if (present) {
    const isNewer = number(present, "rev") < number(article, "rev");
    if (isNewer) replace(present, article);
    return isNewer;
  }
  const seq = number(article, "seq");
  let before = near?.parentElement === feed ? near : feed.lastElementChild;
  while (before && number(before, "seq") > seq) before = before.previousElementSibling;
  let next = before ? before.nextElementSibling : feed.firstElementChild;
  while (next && number(next, "seq") < seq) next = next.nextElementSibling;
  feed.insertBefore(article, next);
  return true;
}

/** Replaces an element, and moves the focus to the same link in the new one. */
export function replace(old, element) {
  const focused = old.contains(document.activeElement) && document.activeElement;
  old.replaceWith(element);
  if (focused?.href) element.querySelector(`a[href="${CSS.escape(focused.getAttribute("href"))}"]`)?.focus();
}

/** Returns the element of a fragment or a frame. */
export function parse(html) {
  return new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
}

/** Changes a room of a list. Its link stays, with the focus, the mark of the current room and the count of unread chats. */
export function updateRoom(old, item) {
  old.dataset.at = item.dataset.at;
  const [link, fresh] = [old, item].map((room) => room.querySelector("a"));
  const unread = link.querySelector(".unread");
  if (unread) fresh.append(unread.cloneNode(true));
  if (link.innerHTML !== fresh.innerHTML) link.replaceChildren(...fresh.childNodes);
}

/** Applies changes to the lists of rooms if no room comes, goes or moves. Returns whether it did. `room_list.js` can do more. */
export function changeInPlace(changes) {
  const old = document.getElementById(changes.id);
  if (old && changes.dataset.level !== "hidden") {
    old.replaceWith(changes);
    return true;
  }
  const list = document.getElementById(changes.id.split("-changes")[0]);
  const rooms = [...changes.children].map((item) => [document.getElementById(item.id), item]);
  const isInPlace = ([room, { dataset, hidden }]) => room?.dataset.at === dataset.at && !hidden;
  if (!list || "snapshot" in changes.dataset || !rooms.every(isInPlace)) return false;
  localize(changes);
  for (const [room, item] of rooms) updateRoom(room, item);
  if (changes.dataset.upto) list.dataset.upto = changes.dataset.upto;
  return true;
}

/** Merges all chats of a fragment into the feed. Returns those that changed it. */
export function merge(feed, fragment) {
  let near = null;
  return [...fragment.children].filter((child) => {
    const article = document.adoptNode(child);
    const hasChanged = upsert(feed, article, near);
    near = hasChanged ? article : near;
    return hasChanged;
  });
}

/** The longest that a feed stays busy. Pages in the background draw no frames. */
const MAX_BUSY = 1_000;

let busy = 0;

const nextFrame = () =>
  new Promise((resolve) => {
    requestAnimationFrame(() => requestAnimationFrame(resolve));
    setTimeout(resolve, MAX_BUSY);
  });

/**
 * Changes a live region without an announcement: the region is busy until the change is drawn. `announcer.js` reads out how
 * many chats came.
 */
export function withoutAnnouncing(region, change) {
  busy++;
  region.ariaBusy = "true";
  try {
    return change();
  } finally {
    nextFrame().then(() => {
      if (--busy === 0) region.ariaBusy = null;
    });
  }
}
