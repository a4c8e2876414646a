// Groups the chats that one user posts in a row, and marks the first chat of each day. Both follow the order of the log:
// when the server's clock is set back, no day begins again and no group reaches back.

import { dayOf, setText, shortTimeOfDay, startOfDay, timeOfDay } from "./local_time.js";

const MAX_PAUSE = 5 * 60_000;
const MINUTE = 60_000;

/** The latest day up to each visible chat. */
const days = new WeakMap();

const timeOf = (chat) => new Date(chat.querySelector("time").dateTime);
const minuteOf = (at) => Math.floor(at / MINUTE);

const neighbour = (chat, direction) => {
  let next = chat[direction];
  while (next?.hidden) next = next[direction];
  return next;
};

/** Groups one chat with the one before. Returns whether its day has changed. */
const groupOne = (chat) => {
  const before = neighbour(chat, "previousElementSibling");
  const at = timeOf(chat);
  const dayBefore = (before && days.get(before)) ?? -Infinity;
  const day = Math.max(startOfDay(at), dayBefore);
  const sameDay = day === dayBefore;
  const last = before && timeOf(before);
  const isNext = !chat.dataset.new && sameDay && at - last < MAX_PAUSE && minuteOf(at) >= minuteOf(last);
  const isGrouped = isNext && before.dataset.author === chat.dataset.author;
  chat.classList.toggle("grouped", isGrouped);
  setText(chat.querySelector("time"), isGrouped ? shortTimeOfDay(at) : timeOfDay(at));
  // The nickname of a grouped chat is not visible.
  chat.querySelector(".nickname").tabIndex = isGrouped ? -1 : 0;
  if (sameDay) delete chat.dataset.day;
  else chat.dataset.day = dayOf(day);
  const hasChanged = days.get(chat) !== day;
  days.set(chat, day);
  return hasChanged;
};

/** Groups chats that were added, and the chats behind them that change with them. */
export function group(chats) {
  const touched = new Set();
  const touchNext = (chat) => {
    const next = neighbour(chat, "nextElementSibling");
    if (!next) return;
    // Moved to the end of the set, so that the loop below visits it again.
    touched.delete(next);
    touched.add(next);
  };
  for (const chat of chats) {
    if (!chat.hidden) touched.add(chat);
    touchNext(chat);
  }
  let dayStart = null;
  for (const chat of touched) {
    if (groupOne(chat)) touchNext(chat);
    if (chat.dataset.day) dayStart = chat;
  }
  // When a new day begins, the line of the day before still says "today".
  for (const first of dayStart?.parentElement.querySelectorAll("[data-day]") ?? []) first.dataset.day = dayOf(days.get(first));
}

export function regroup(feed) {
  const chats = [...feed.children].filter((chat) => !chat.hidden);
  for (const chat of chats) days.delete(chat);
  chats.forEach(groupOne);
}
