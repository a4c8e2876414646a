// A room's page, live. Everything here works as plain forms and links too.

import { Composer, isTouch } from "./composer.js";
import { dress } from "./dress.js";
import { Follower } from "./follow.js";
import { help } from "./help.js";
import { keepPlace, keptPlace } from "./history.js";
import { loadOlder } from "./older.js";
import { Outbox } from "./outbox.js";
import { parse, placeAll, replace } from "./place.js";
import { Announcer, quietly } from "./quiet.js";
import { Reading } from "./reading.js";

const me = document.body.dataset.me;
const byId = (id) => document.getElementById(id);
const feed = byId("feed");
const scroller = byId("log");
/** So many chats at once are counted, not read out one by one. */
const BULK = 3;
const announcer = new Announcer(byId("announcement"));
/** Anew each time: the site replaces it when it has something to say about it. */
const connection = () => byId("connection");
const composer = byId("composer");
let outbox = null;

const placed = (chats) => {
  for (const { dataset } of chats) outbox?.arrived(dataset.seq);
  dress(feed, chats);
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
    const there = byId(element.id);
    if (there) replace(there, document.adoptNode(element));
    if (element.dataset.state === "connected") outbox?.flush();
    return;
  }
  const seen = Number(feed.dataset.upto);
  const upto = Number(element.dataset.upto);
  feed.dataset.upto = Math.max(seen, upto);
  const isNews = ({ hidden, dataset }) => !hidden && Number(dataset.seq) > seen && dataset.author !== me;
  const insert = () =>
    reading.steadily(() => {
      const chats = placeAll(feed, element);
      placed(chats);
      return chats.filter(isNews);
    });
  const isBulk = [...element.children].filter(isNews).length > BULK;
  const news = isBulk ? quietly(feed, insert) : insert();
  if (isBulk) announcer.add("newer", news.length);
  follower.seen(upto);
  if (news.length) tell(news.at(-1));
};

const reading = new Reading({ feed, scroller, button: byId("new-chats"), me, key: `read ${me} ${feed.dataset.room}` });
// Someone who comes back by the browser's button reads on where they left off.
const isBack = performance.getEntriesByType("navigation")[0]?.type === "back_forward";
const place = isBack ? keptPlace() : null;
if (!place && !location.hash) reading.goToEnd();
keepPlace(() => reading.place());
const tell = help({ dialog: byId("help"), button: byId("open-help"), room: byId("room-name").textContent });

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
  stays: () => outbox?.waits || composer.elements.text.value,
});

const writing = new Composer(composer, {
  key: `draft ${me} ${feed.dataset.room}`,
  send: (text) => {
    outbox.add(text);
    reading.goToEnd();
  },
  types: () => follower.type(),
  last: () => [...feed.querySelectorAll(".own:not([hidden]) .at")].at(-1)?.href,
  edited: (rev) => follower.look(rev),
});
feed.addEventListener("click", (event) => {
  if (!event.target.matches(".change") || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  writing.edit(event.target.href);
});

outbox = new Outbox({
  key: `outbox ${me} ${feed.dataset.room}`,
  author: me,
  list: byId("outbox"),
  action: composer.action,
  words: composer.dataset,
  refused: (words, why) => writing.takeBack(words, why),
  sent: (seq) => {
    // What is older than the page's end does not come any more.
    if (byId(`chat-${seq}`) || seq <= Number(feed.dataset.upto)) outbox.arrived(seq);
    else follower.look(seq);
  },
});

const older = byId("older");
const above = (chats) => {
  placed(chats);
  reading.drawLine();
  announcer.add("older", chats.filter(({ hidden }) => !hidden).length);
};
const loadMore = older ? loadOlder({ link: older, scroller, feed, placed: above }) : () => false;
if (place) reading.goTo(place, loadMore);
// Coming with a keyboard to write on, and not to a certain chat.
if (!place && !location.hash && !isTouch() && document.activeElement === document.body) {
  composer.elements.text.focus({ preventScroll: true });
}
