// What of a chat depends on its reader: the time of their zone, and that it is their own.

import { group } from "./groups.js";
import { localize } from "./times.js";

/** Dresses chats that were placed in a feed. */
export function dress(feed, chats) {
  const { me } = document.body.dataset;
  for (const chat of chats) {
    localize(chat);
    if (chat.dataset.author !== me || chat.hidden) continue;
    chat.classList.add("own");
    chat.querySelector(".nickname").dataset.own = feed.dataset.own;
    const change = document.createElement("a");
    change.className = "change";
    change.href = chat.querySelector(".at").href;
    change.textContent = feed.dataset.change;
    chat.querySelector(".by").append(" ", change);
  }
  group(chats);
}
