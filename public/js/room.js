// A room's page, live. Everything here also works as plain forms and links.

import { Announcer, withoutAnnouncing } from "./announcements.js";
import { Composer } from "./composer.js";
import { RoomConnection } from "./connection.js";
import { decorate } from "./decorate.js";
import { merge, parse, replace } from "./merge.js";
import { isTouch } from "./message_field.js";
import { notifications } from "./notifications.js";
import { Outbox } from "./outbox.js";
import { ScrollManager } from "./scroll.js";
import { savedPosition, savePosition } from "./scroll_position.js";
import { shortcuts } from "./shortcuts.js";
import { UnreadTracker } from "./unread.js";

/** More new chats at once are announced as a number, not read out one by one. */
const MAX_READ_OUT = 3;

const { currentUser } = document.body.dataset;
const byId = (id) => document.getElementById(id);
const feed = byId("feed");
const { room } = feed.dataset;
const scroller = byId("log");
const form = byId("composer");
const dialog = byId("help");
const announcer = new Announcer(byId("announcement"));
/** Looked up each time: frames of the site replace the element. */
const connectionStatus = () => byId("connection");
let outbox = null;

const added = (chats) => {
  for (const { dataset } of chats) outbox?.delivered(dataset.seq);
  decorate(feed, chats);
};

const removeCurrentUser = (typing) => {
  typing.querySelector(`[data-user="${CSS.escape(currentUser)}"]`)?.remove();
  if (!typing.querySelector("[data-user]")) typing.replaceChildren();
};

const onElement = (element) => {
  if (element.id === "typing") removeCurrentUser(element);
  const old = byId(element.id);
  if (old) replace(old, document.adoptNode(element));
  if (element.id === "presence") byId("open-people").firstElementChild.textContent = element.dataset.count;
  if (element.dataset.state === "connected") outbox?.flush();
};

const onFragment = (fragment) => {
  const seen = Number(feed.dataset.upto);
  const upto = Number(fragment.dataset.upto);
  feed.dataset.upto = Math.max(seen, upto);
  const isNew = ({ hidden, dataset }) => !hidden && Number(dataset.seq) > seen && dataset.author !== currentUser;
  const insert = () =>
    scroll.keepScroll(() => {
      const chats = merge(feed, fragment);
      added(chats);
      return chats.filter(isNew);
    });
  const isBulk = [...fragment.children].filter(isNew).length > MAX_READ_OUT;
  const chats = isBulk ? withoutAnnouncing(feed, insert) : insert();
  if (isBulk) announcer.add("newer", chats.length);
  connection.advance(upto);
  if (chats.length) notify(chats.at(-1));
};

const onMessage = (message) => {
  const element = parse(message);
  if (element?.id) onElement(element);
  else if (element) onFragment(element);
};

const onState = (state) => {
  const { dataset } = connectionStatus();
  if (dataset.state === state) return;
  dataset.state = state;
  connectionStatus().textContent = dataset[state] ?? "";
  if (state === "connected") outbox?.flush();
  if (state === "deleted") closeComposer();
};

/** The text of a deleted room stays, to be copied. */
const closeComposer = () => {
  form.elements.text.readOnly = true;
  form.querySelector(".send").hidden = true;
  byId("leave-room").hidden = false;
  byId("room-empty").hidden = true;
};

const button = byId("new-chats");
const unread = new UnreadTracker({
  feed,
  currentUser,
  key: `read ${currentUser} ${room}`,
  dividerText: button.dataset.divider,
});
const scroll = new ScrollManager({ feed, scroller, button, unread });
const isBack = performance.getEntriesByType("navigation")[0]?.type === "back_forward";
const position = isBack ? savedPosition() : null;
if (!position && !location.hash) scroll.scrollToEnd();
savePosition(() => scroll.position());

shortcuts({ dialog, button: byId("open-help") });
const copyLink = byId("copy-room-link");
copyLink.hidden = !navigator.clipboard;
copyLink.addEventListener("click", async () => {
  await navigator.clipboard.writeText(location.origin + location.pathname);
  byId("room-menu").hidePopover();
});
const notify = notifications({ form: dialog.querySelector("form"), room: byId("room-name").textContent });

const connection = new RoomConnection({
  room,
  cursor: Number(feed.dataset.upto),
  onMessage,
  onState,
  keepsPage: () => outbox?.hasUnsent || form.elements.text.value,
});

const composer = new Composer(form, {
  draftKey: `draft ${currentUser} ${room}`,
  send: (text) => {
    outbox.add(text);
    scroll.scrollToEnd();
  },
  onTyping: () => connection.sendTyping(),
  onEdited: (rev) => connection.awaitEntry(rev),
  lastChat: () => [...feed.querySelectorAll(".own:not([hidden]) .timestamp")].at(-1)?.href,
});
feed.addEventListener("click", (event) => {
  if (!event.target.matches(".edit-link") || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  composer.edit(event.target.href);
});

outbox = new Outbox({
  key: `outbox ${currentUser} ${room}`,
  author: currentUser,
  list: byId("outbox"),
  action: form.action,
  texts: form.dataset,
  restore: (text, reason) => composer.restore(text, reason),
  onSent: (seq) => {
    // A chat before the cursor does not arrive again.
    if (byId(`chat-${seq}`) || seq <= Number(feed.dataset.upto)) outbox.delivered(seq);
    else connection.awaitEntry(seq);
  },
});

const older = byId("load-older");
const onLoaded = (chats) => {
  added(chats);
  unread.drawDivider();
  announcer.add("older", chats.filter(({ hidden }) => !hidden).length);
};
// On a device with a keyboard the composer gets the focus, unless the reader opened a link to a chat.
if (!position && !location.hash && !isTouch() && document.activeElement === document.body) {
  form.elements.text.focus({ preventScroll: true });
}
let loadMore = () => false;
if (older) {
  const { paginate } = await import("./pagination.js");
  loadMore = paginate({ link: older, scroller, feed, onLoaded });
}
if (position) scroll.restore(position, loadMore);
