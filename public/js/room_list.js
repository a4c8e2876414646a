// The lists of rooms, live: each change is put where the room's last activity says. Nothing moves under the pointer, or
// while a list has the focus.

import { localize } from "./local_time.js";
import { updateRoom } from "./merge.js";

/** As many rooms as the site sends beside a page. */
const LISTED_ROOMS = 30;

/** A finger leaves the list in the state of being pointed at. */
let isMouse = matchMedia("(hover: hover)").matches;

const activity = ({ dataset }) => Number(dataset.at);
const isCurrent = (item) => item.querySelector("a")?.ariaCurrent === "page";

class RoomList {
  #list;
  #limit;
  /** Later pages of the list have their own order. */
  #isFixed;
  /** New rooms that wait until the list may move. */
  #waiting = new Map();

  constructor(list) {
    this.#list = list;
    this.#limit = Math.max(LISTED_ROOMS, list.children.length);
    this.#isFixed = "fixed" in list.dataset;
    list.addEventListener("pointerover", ({ pointerType }) => (isMouse = pointerType !== "touch"));
    list.addEventListener("pointerleave", () => this.#settle());
    // The focus may move on inside the list.
    list.addEventListener("focusout", () => setTimeout(() => this.#settle()));
  }

  apply(changes) {
    const { upto } = changes.dataset;
    if (upto) this.#list.dataset.upto = upto;
    localize(changes);
    if ("snapshot" in changes.dataset && !this.#isFixed) this.#markMissing(changes);
    for (const item of [...changes.children]) {
      this.#waiting.delete(item.id);
      const old = this.find(item.id);
      if (item.hidden) old?.classList.add("closed");
      else if (old) {
        old.classList.remove("closed");
        updateRoom(old, item);
      } else if (!this.#isFixed) this.#waiting.set(item.id, document.adoptNode(item));
    }
    this.#boundWaiting();
    this.#settle();
  }

  find(id) {
    return this.#list.querySelector(`#${CSS.escape(id)}`);
  }

  /** Removes a room that is not the current one. */
  hide(id) {
    this.#waiting.delete(id);
    const item = this.find(id);
    if (item && !isCurrent(item)) item.remove();
  }

  /** Returns a room of the list, or one that waits. */
  known(id) {
    return this.find(id) ?? this.#waiting.get(id);
  }

  get #isInUse() {
    return (isMouse && this.#list.matches(":hover")) || Boolean(this.#list.querySelector(":focus-visible"));
  }

  /** Keeps the new rooms with the latest activity: a list in use may wait for long. */
  #boundWaiting() {
    const ordered = [...this.#waiting.values()].sort((one, other) => activity(other) - activity(one));
    for (const { id } of ordered.slice(this.#limit)) this.#waiting.delete(id);
  }

  /** Removes closed rooms, inserts new ones and orders all by their last activity. */
  #arrange() {
    const list = this.#list;
    list.querySelectorAll(":scope > .closed").forEach((item) => item.remove());
    if (this.#isFixed) return;
    list.append(...this.#waiting.values());
    this.#waiting.clear();
    const ordered = [...list.children].sort((one, other) => activity(other) - activity(one));
    const surplus = ordered.splice(this.#limit).filter((item) => isCurrent(item) || void item.remove());
    // Only what is out of place moves.
    let place = list.firstElementChild;
    for (const item of [...ordered, ...surplus]) {
      if (item === place) place = place.nextElementSibling;
      else list.insertBefore(item, place);
    }
  }

  /** Tells the filter of the list, which may hide what has changed. */
  #settle() {
    if (!this.#isInUse) this.#arrange();
    this.#list.dispatchEvent(new Event("rooms-changed"));
  }

  /** The site has sent the first rooms of the list: a newer room that is not among them is closed. Closed rooms of the
   * reader are never among them. */
  #markMissing(changes) {
    const oldest = Math.min(...[...changes.children].map(activity));
    for (const item of [...this.#list.children, ...this.#waiting.values()]) {
      if (activity(item) < oldest || changes.querySelector(`#${CSS.escape(item.id)}`)) continue;
      if (item.querySelector(".lock")) continue;
      item.classList.add("closed");
      this.#waiting.delete(item.id);
    }
  }
}

const lists = Object.fromEntries(["rooms", "directs"].map((id) => [id, new RoomList(document.getElementById(id))]));

/** Outside rooms the title counts the rooms with unread messages. */
function countInTitle() {
  if (document.getElementById("feed")) return;
  const count = document.querySelectorAll('.rooms .unread:not([data-count="0"], [data-level="none"], [data-level="hidden"])').length;
  document.title = (count ? `(${count}) ` : "") + document.title.replace(/^\(\d+\) /, "");
}

function applyUnread(element) {
  // The changes of open rooms are those of all readers, also of rooms that this one hides.
  if (element.dataset.level === "hidden") lists.rooms.hide(element.id.replace("unread", "room"));
  const old = document.getElementById(element.id);
  if (old) return old.replaceWith(element);
  const room = element.id.replace("unread", "room");
  (lists.rooms.known(room) ?? lists.directs.known(room))?.querySelector("a").append(element);
}

/** Applies an element: `#rooms-changes`, `#directs-changes` or the count of unread chats of a room. */
export function applyChanges(element) {
  const [name, kind] = element.id.split("-");
  if (kind === "changes") lists[name].apply(element);
  else applyUnread(document.adoptNode(element));
  countInTitle();
}
countInTitle();
