// How chats stand together: what one person says in a row is one group, and each day begins with its name. Both follow
// the order of entries: when the server's clock is set back, no day begins again and no group reaches back.

import { brief, dayOf, hour, midnight, write } from "./times.js";

/** How long a pause within a group may be. */
const PAUSE = 5 * 60_000;
const MINUTE = 60_000;

/** The latest day up to each chat that is shown. */
const days = new WeakMap();

const timeOf = (chat) => new Date(chat.querySelector("time").dateTime);
const minuteOf = (at) => Math.floor(at / MINUTE);

/** Returns the next chat in a direction that is not removed. */
const beside = (chat, direction) => {
  let there = chat[direction];
  while (there?.hidden) there = there[direction];
  return there;
};

/** Groups one chat with the one before. Returns whether its day has changed. */
const groupOne = (chat) => {
  const before = beside(chat, "previousElementSibling");
  const at = timeOf(chat);
  const dayBefore = (before && days.get(before)) ?? -Infinity;
  const day = Math.max(midnight(at), dayBefore);
  const sameDay = day === dayBefore;
  const last = before && timeOf(before);
  const isNext = sameDay && at - last < PAUSE && minuteOf(at) >= minuteOf(last);
  const follows = isNext && before.dataset.author === chat.dataset.author;
  chat.classList.toggle("follows", follows);
  write(chat.querySelector("time"), follows ? brief(at) : hour(at));
  // The name of a chat that follows is not visible.
  chat.querySelector(".nickname").tabIndex = follows ? -1 : 0;
  if (sameDay) delete chat.dataset.day;
  else chat.dataset.day = dayOf(day);
  const hasChanged = days.get(chat) !== day;
  days.set(chat, day);
  return hasChanged;
};

/** Groups chats that were placed, and those behind them that change with them. */
export function group(chats) {
  const touched = new Set();
  const touchNext = (chat) => {
    const next = beside(chat, "nextElementSibling");
    if (!next) return;
    // Visited again, if it was visited before.
    touched.delete(next);
    touched.add(next);
  };
  for (const chat of chats) {
    if (!chat.hidden) touched.add(chat);
    touchNext(chat);
  }
  let begins = null;
  for (const chat of touched) {
    if (groupOne(chat)) touchNext(chat);
    if (chat.dataset.day) begins = chat;
  }
  // Where a new day begins, yesterday's line still says "today".
  for (const first of begins?.parentElement.querySelectorAll("[data-day]") ?? []) first.dataset.day = dayOf(days.get(first));
}

/** Groups all chats of a feed again. */
export function regroup(feed) {
  const chats = [...feed.children].filter((chat) => !chat.hidden);
  for (const chat of chats) days.delete(chat);
  chats.forEach(groupOne);
}
