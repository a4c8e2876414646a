// Runs on every page before it is painted: shows times in the reader's zone, and decorates the chats.

import { withoutAnnouncing } from "./announcements.js";
import { decorate, decorateCode } from "./decorate.js";
import { regroup } from "./groups.js";
import { localize, onNewDay } from "./local_time.js";

const feed = document.getElementById("feed");
localize(document);
if (feed) decorate(feed, [...feed.children]);
else decorateCode([document]);
onNewDay(() => {
  localize(document);
  if (feed) withoutAnnouncing(feed, () => regroup(feed));
});
// Only a keyboard on the screen, or a low window, makes the page smaller than it seems.
const mayBeCovered = matchMedia("(pointer: coarse), (max-height: 400px)").matches;
if (mayBeCovered && document.body.classList.contains("room")) import("./viewport.js").then(({ fitViewport }) => fitViewport());
