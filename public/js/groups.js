// How chats stand together: what one person says in a row is one group, and each day begins with its name.

import { brief, dayOf } from "./times.js";

/** How long a pause within a group may be. */
const PAUSE = 5 * 60_000;

const timeOf = (chat) => new Date(chat.querySelector("time").dateTime);

/** The next chat in a direction that is not removed. */
const beside = (chat, direction) => {
  let there = chat[direction];
  while (there?.hidden) there = there[direction];
  return there;
};

const groupOne = (chat) => {
  const before = beside(chat, "previousElementSibling");
  const at = timeOf(chat);
  const last = before && timeOf(before);
  const sameDay = last?.toDateString() === at.toDateString();
  const follows = sameDay && before.dataset.author === chat.dataset.author && at - last < PAUSE;
  if (chat.classList.toggle("follows", follows)) chat.querySelector("time").textContent = brief(at);
  if (sameDay) delete chat.dataset.day;
  else chat.dataset.day = dayOf(at);
};

/** Groups chats that were placed, and those that now stand behind them. */
export function group(chats) {
  const touched = new Set();
  for (const chat of chats) {
    if (!chat.hidden) touched.add(chat);
    const next = beside(chat, "nextElementSibling");
    if (next) touched.add(next);
  }
  touched.forEach(groupOne);
}
