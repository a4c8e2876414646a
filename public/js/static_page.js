// Runs on every page before it is painted: shows times in the reader's zone, and decorates the chats.

import { decorate, decorateCode, regroup } from "./groups.js";
import { dayOf, localize, onNewDay } from "./local_time.js";

const feed = document.getElementById("feed");
localize(document);
if (feed) decorate(feed, [...feed.children]);
else decorateCode([document]);
// The page of one chat has no feed.
for (const chat of feed ? [] : document.querySelectorAll("main .chat[data-day]")) {
  chat.dataset.day = dayOf(new Date(chat.querySelector("time").dateTime));
}
onNewDay(async () => {
  localize(document);
  if (!feed) return;
  const { withoutAnnouncing } = await import("./merge.js");
  withoutAnnouncing(feed, () => regroup(feed));
});

// A keyboard on the screen, or a low window, leaves less room than a page expects.
const LOW_HEIGHT = 400;
let fitting = null;
const fit = () => (fitting ??= import("./viewport.js").then(({ fitViewport }) => fitViewport()));
if (document.body.classList.contains("room")) {
  for (const view of [globalThis.visualViewport, globalThis]) view?.addEventListener("resize", fit, { once: true });
  if (innerHeight < LOW_HEIGHT) fit();
}
