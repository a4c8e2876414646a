// A room's page, live. Everything here works as plain forms and links too.

import { compose } from "./composer.js";
import { Follower } from "./follow.js";
import { loadOlder } from "./older.js";
import { Outbox } from "./outbox.js";
import { parse, placeAll } from "./place.js";
import { localize } from "./times.js";

const me = document.body.dataset.me;
const feed = document.getElementById("feed");
const scroller = document.getElementById("log");
/** Anew each time: the site replaces it when it has something to say about it. */
const connection = () => document.getElementById("connection");
const composer = document.getElementById("composer");
let outbox = null;

/** How far from the end, in pixels, still counts as the end. */
const END = 80;
const goToEnd = () => (scroller.scrollTop = scroller.scrollHeight);

/** Changes the feed, and stays at its end where that is what is read. */
const steadily = (change) => {
  const wasAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < END;
  change();
  if (wasAtEnd) goToEnd();
};

const dress = (chats) => {
  for (const chat of chats) {
    chat.classList.toggle("own", chat.dataset.author === me);
    outbox?.arrived(chat.dataset.seq);
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
    if (element.dataset.state === "connected") outbox?.flush();
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
    const { dataset } = connection();
    if (dataset.state === state) return;
    dataset.state = state;
    connection().textContent = dataset[state] ?? "";
    if (state === "connected") outbox?.flush();
  },
});

const { takeBack } = compose(composer, {
  key: `draft ${me} ${feed.dataset.room}`,
  send: (text) => {
    outbox.add(text);
    goToEnd();
  },
  types: () => follower.type(),
});

outbox = new Outbox({
  key: `outbox ${me} ${feed.dataset.room}`,
  author: me,
  list: document.getElementById("outbox"),
  action: composer.action,
  words: composer.dataset,
  refused: takeBack,
  sent: (seq) => {
    // What is older than the page's end does not come any more.
    if (document.getElementById(`chat-${seq}`) || seq <= Number(feed.dataset.upto)) outbox.arrived(seq);
    else follower.look();
  },
});

dress(feed.children);
if (!location.hash) goToEnd();
const older = document.getElementById("older");
if (older) loadOlder({ link: older, scroller, feed, placed: dress });
