// Runs on every page before it is painted: puts times into the reader's zone, and dresses the chats.

import { dress } from "./dress.js";
import { regroup } from "./groups.js";
import { quietly } from "./quiet.js";
import { localize, onNewDay } from "./times.js";
import { fitViewport } from "./viewport.js";

const feed = document.getElementById("feed");
if (feed) dress(feed, [...feed.children]);
else localize(document);
onNewDay(() => {
  localize(document);
  if (feed) quietly(feed, () => regroup(feed));
});
if (document.body.classList.contains("room")) fitViewport();
