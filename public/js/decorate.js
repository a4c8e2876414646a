// Adds to chats what differs by reader: the reader's time zone, and marks on the reader's own chats.

import { group } from "./groups.js";
import { localize } from "./local_time.js";

/** Loads what blocks of code need, if there are any. */
export function decorateCode(roots) {
  const blocks = roots.flatMap((root) => [...root.querySelectorAll(".code")]);
  if (blocks.length) import("./code_copy.js").then(({ addButtons }) => addButtons(blocks));
}

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
