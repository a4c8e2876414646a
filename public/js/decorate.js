// Adds to chats what differs by reader: the reader's time zone, and marks on the reader's own chats.

import { group } from "./groups.js";
import { localize } from "./local_time.js";

export function decorate(feed, chats) {
  const { currentUser } = document.body.dataset;
  for (const chat of chats) {
    localize(chat);
    if (chat.dataset.author !== currentUser || chat.hidden) continue;
    chat.classList.add("own");
    chat.querySelector(".nickname").dataset.you = feed.dataset.you;
  }
  group(chats);
}
