// Decorates chats: groups those that one user posts in a row, and marks the first of each day. Both follow the order of the log:
// when the server's clock is set back, no day begins again and no group reaches back. Events in a row are a group, too.

import { dateOf, dayOf, localize, setText, shortTimeOfDay, startOfDay, timeOfDay } from "./local_time.js";

const MAX_PAUSE = 5 * 60_000;
const MINUTE = 60_000;
/** A long group names its author again at each such number of the log, unless the group has just begun. */
const REPEAT_EVERY = 10;
const MIN_GROUP = 5;

/** The latest day up to each visible chat. */
const days = new WeakMap();

const timeOf = (chat) => new Date(chat.querySelector("time").dateTime);
const minuteOf = (at) => Math.floor(at / MINUTE);

const neighbour = (chat, direction) => {
  let next = chat[direction];
  // The line of unread messages has no number.
  while (next && (next.hidden || !next.dataset.seq)) next = next[direction];
  return next;
};

/** Returns whether a chat at this time belongs to the group of the chat before. */
const continues = (at, before) => {
  const last = timeOf(before);
  return at - last < MAX_PAUSE && minuteOf(at) >= minuteOf(last);
};

/** Names the day at the first chat of the day. */
const drawDay = (chat, day) => {
  let line = chat.querySelector(":scope > .day");
  if (day === null) {
    line?.remove();
    delete chat.dataset.day;
    return;
  }
  if (!line) {
    line = document.createElement("p");
    line.className = "day";
    line.append(document.createElement("span"));
    chat.prepend(line);
  }
  chat.dataset.day = dayOf(day);
  line.firstChild.title = dateOf(day);
  setText(line.firstChild, chat.dataset.day);
};

/**
 * Groups one chat with the one before. `data-position` is the number of those before it in the group, at most `MIN_GROUP`:
 * style sheets fold events by it. Returns whether the next chats change with it.
 */
const groupOne = (chat) => {
  const before = neighbour(chat, "previousElementSibling");
  const at = timeOf(chat);
  const dayBefore = (before && days.get(before)) ?? -Infinity;
  const day = Math.max(startOfDay(at), dayBefore);
  const sameDay = day === dayBefore;
  const isEvent = !chat.dataset.no;
  const isNext = sameDay && before.dataset.author === chat.dataset.author && (isEvent || continues(at, before));
  const position = isNext && !chat.dataset.new ? Math.min(Number(before.dataset.position) + 1, MIN_GROUP) : 0;
  const isRepeated = position === MIN_GROUP && chat.dataset.no % REPEAT_EVERY === 0;
  const isGrouped = position > 0 && !isRepeated && !isEvent;
  chat.classList.toggle("grouped", isGrouped);
  setText(chat.querySelector("time"), isGrouped ? shortTimeOfDay(at) : timeOfDay(at));
  drawDay(chat, sameDay ? null : day);
  const hasChanged = days.get(chat) !== day || chat.dataset.position !== String(position);
  days.set(chat, day);
  chat.dataset.position = position;
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
    if (!chat.hidden && chat.dataset.seq) touched.add(chat);
    touchNext(chat);
  }
  let dayStart = null;
  for (const chat of touched) {
    if (groupOne(chat)) touchNext(chat);
    if (chat.dataset.day) dayStart = chat;
  }
  // When a new day begins, the line of the day before still says "today".
  for (const first of dayStart?.parentElement.querySelectorAll("[data-day]") ?? []) drawDay(first, days.get(first));
}

export function regroup(feed) {
  const chats = [...feed.children].filter((chat) => !chat.hidden && chat.dataset.seq);
  for (const chat of chats) days.delete(chat);
  chats.forEach(groupOne);
}

/** Returns the day of a chat in words. */
export const dayOfChat = (chat) => dayOf(days.get(chat) ?? timeOf(chat));

export const isToday = (chat) => days.get(chat) === startOfDay(Date.now());

/** Groups messages of `author` that wait behind the feed. */
export function groupWaiting(feed, author, elements) {
  const chats = [...feed.children];
  const last = chats.findLast((chat) => !chat.hidden);
  const now = Date.now();
  const isNext = last?.dataset.author === author && days.get(last) === startOfDay(now) && continues(now, last);
  elements.forEach((element, index) => element.classList.toggle("grouped", isNext || index > 0));
}

/** Loads what blocks of code need, if there are any. */
export function decorateCode(roots) {
  const blocks = roots.flatMap((root) => [...root.querySelectorAll(".code")]);
  if (blocks.length) import("./code_copy.js").then(({ addButtons }) => addButtons(blocks));
}

/** Adds to chats what differs by reader: the time zone, marks on own chats, and groups. */
export function decorate(feed, chats) {
  const { currentUser } = document.body.dataset;
  for (const chat of chats) {
    localize(chat);
    if (chat.dataset.author !== currentUser || chat.hidden) continue;
    chat.classList.add("own");
    chat.querySelector(".nickname").dataset.you = feed.dataset.you;
  }
  group(chats);
  decorateCode(chats);
  if (feed.querySelector(".mention")) import("./mention_marks.js");
}
