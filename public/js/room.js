// A room's page, live. Everything here works as plain forms and links too.

import { compose } from "./composer.js";
import { Follower } from "./follow.js";
import { loadOlder } from "./older.js";
import { parse, placeAll } from "./place.js";
import { localize } from "./times.js";

const me = document.body.dataset.me;
const feed = document.getElementById("feed");
const scroller = document.getElementById("log");
const connection = document.getElementById("connection");
const composer = document.getElementById("composer");

// The log is a reversed column: its scrollTop is 0 at the end and negative above.

/** How far from the end, in pixels, still counts as the end. */
const END = 80;
const goToEnd = () => (scroller.scrollTop = 0);

/** Changes the feed, and keeps what is read where it is when that is not the end. */
const steadily = (change) => {
  const { scrollTop, scrollHeight } = scroller;
  change();
  if (scrollTop > -END) goToEnd();
  else scroller.scrollTop = scrollTop - (scroller.scrollHeight - scrollHeight);
};

const dress = (chats) => {
  for (const chat of chats) {
    chat.classList.toggle("own", chat.dataset.author === me);
    localize(chat);
  }
};

/** One's own typing is no news. */
const forgetMe = (typing) => {
  typing.querySelector(`[data-user="${CSS.escape(me)}"]`)?.remove();
  if (!typing.querySelector("[data-user]")) typing.replaceChildren();
};

const hear = (message) => {
  const element = parse(message);
  if (!element) return;
  if (element.id) {
    if (element.id === "typing") forgetMe(element);
    document.getElementById(element.id)?.replaceWith(document.adoptNode(element));
    return;
  }
  steadily(() => dress(placeAll(feed, element)));
  feed.dataset.upto = Math.max(Number(feed.dataset.upto), Number(element.dataset.upto));
  follower.seen(Number(element.dataset.upto));
};

const follower = new Follower({
  room: feed.dataset.room,
  cursor: Number(feed.dataset.upto),
  hear,
  tell: (state) => {
    connection.dataset.state = state;
    connection.textContent = connection.dataset[state] ?? "";
  },
});

compose(composer, {
  sent: () => {
    goToEnd();
    follower.look();
  },
  types: () => follower.type(),
});

dress(feed.children);
const older = document.getElementById("older");
if (older) loadOlder({ link: older, scroller, feed, placed: dress });
