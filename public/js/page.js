// A page that nothing comes to: its times are put in the reader's zone, its chats dressed.

import { dress } from "./dress.js";
import { localize } from "./times.js";

const feed = document.getElementById("feed");
if (feed) dress(feed, [...feed.children]);
else localize(document);
