// Runs on every page before it is painted: shows times in the reader's zone, and decorates the chats.

import { withoutAnnouncing } from "./announcements.js";
import { decorate, decorateCode } from "./decorate.js";
import { regroup } from "./groups.js";
import { localize, onNewDay } from "./local_time.js";
import { fitViewport } from "./viewport.js";

const feed = document.getElementById("feed");
localize(document);
if (feed) decorate(feed, [...feed.children]);
else decorateCode([document]);
onNewDay(() => {
  localize(document);
  if (feed) withoutAnnouncing(feed, () => regroup(feed));
});
if (document.body.classList.contains("room")) fitViewport();
