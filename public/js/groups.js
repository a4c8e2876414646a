// How chats stand together: what one person says in a row is one group, and each day begins with its name.

import { brief, dayOf, hour } from "./times.js";

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
  chat.classList.toggle("follows", follows);
  chat.querySelector("time").textContent = follows ? brief(at) : hour(at);
  // The name is not seen then.
  chat.querySelector(".nickname").tabIndex = follows ? -1 : 0;
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
  // Where a day begins, the one that was today is so no more.
  const [chat] = [...touched].filter(({ dataset }) => dataset.day);
  for (const first of chat?.parentElement.querySelectorAll("[data-day]") ?? []) first.dataset.day = dayOf(timeOf(first));
}
