// The list of rooms, live: each change is put where the room's last activity says. Nothing moves under the pointer, or
// while the list has the focus.

import { localize } from "./local_time.js";

/** As many rooms as the site sends beside a page. */
const LISTED_ROOMS = 30;

const list = document.getElementById("rooms");
const limit = Math.max(LISTED_ROOMS, list.children.length);
/** Later pages of the list have their own order. */
const isFixed = "fixed" in list.dataset;
/** A finger leaves the list in the state of being pointed at. */
let isMouse = matchMedia("(hover: hover)").matches;
/** New rooms that wait until the list may move. */
const waiting = new Map();

const find = (id) => list.querySelector(`#${CSS.escape(id)}`);
const activity = ({ dataset }) => Number(dataset.at);
const isInUse = () => (isMouse && list.matches(":hover")) || Boolean(list.querySelector(":focus-visible"));
const isCurrent = (item) => item.querySelector("a")?.ariaCurrent === "page";

/** Changes a room in place. Its link stays, with the focus and the mark of the current room. */
function update(old, item) {
  old.dataset.at = item.dataset.at;
  const [link, fresh] = [old, item].map((room) => room.querySelector("a"));
  if (link.innerHTML !== fresh.innerHTML) link.replaceChildren(...fresh.childNodes);
}

/** Keeps the new rooms with the latest activity: a list in use may wait for long. */
function boundWaiting() {
  const ordered = [...waiting.values()].sort((one, other) => activity(other) - activity(one));
  for (const { id } of ordered.slice(limit)) waiting.delete(id);
}

/** Removes closed rooms, inserts new ones and orders all by their last activity. */
function arrange() {
  list.querySelectorAll(":scope > .closed").forEach((item) => item.remove());
  if (isFixed) return;
  list.append(...waiting.values());
  waiting.clear();
  const ordered = [...list.children].sort((one, other) => activity(other) - activity(one));
  const surplus = ordered.splice(limit).filter((item) => isCurrent(item) || void item.remove());
  // Only what is out of place moves.
  let place = list.firstElementChild;
  for (const item of [...ordered, ...surplus]) {
    if (item === place) place = place.nextElementSibling;
    else list.insertBefore(item, place);
  }
}

/** Tells the filter of the list, which may hide what has changed. */
function settle() {
  if (!isInUse()) arrange();
  list.dispatchEvent(new Event("rooms-changed"));
}

/** The site has sent the first rooms of the list: a newer room that is not among them is closed. */
function markMissing(changes) {
  const oldest = Math.min(...[...changes.children].map(activity));
  for (const item of [...list.children, ...waiting.values()]) {
    if (activity(item) < oldest || changes.querySelector(`#${CSS.escape(item.id)}`)) continue;
    item.classList.add("closed");
    waiting.delete(item.id);
  }
}

/** Applies the element `#rooms-changes`. */
export function applyChanges(changes) {
  list.dataset.upto = changes.dataset.upto;
  localize(changes);
  if ("snapshot" in changes.dataset && !isFixed) markMissing(changes);
  for (const item of [...changes.children]) {
    waiting.delete(item.id);
    const old = find(item.id);
    if (item.hidden) old?.classList.add("closed");
    else if (old) {
      old.classList.remove("closed");
      update(old, item);
    } else if (!isFixed) waiting.set(item.id, document.adoptNode(item));
  }
  boundWaiting();
  settle();
}

list.addEventListener("pointerover", ({ pointerType }) => (isMouse = pointerType !== "touch"));
list.addEventListener("pointerleave", settle);
// The focus may move on inside the list.
list.addEventListener("focusout", () => setTimeout(settle));
