// A room's page, live. Everything here also works as plain forms and links.

import { ChatActions } from "./chat_actions.js";
import { Composer } from "./composer.js";
import { RoomConnection } from "./connection.js";
import { decorate } from "./groups.js";
import { MAX_CHATS, changeInPlace, hasNewer, isOutside, merge, parse, replace, withoutAnnouncing } from "./merge.js";
import { isTouch } from "./message_field.js";
import { Outbox } from "./outbox.js";
import { ScrollManager, savePosition, savedPosition } from "./scroll.js";
import { hasNotifications, hasSingleKeys } from "./storage.js";
import { UnreadTracker } from "./unread.js";

/** More new chats at once are announced as a number, not read out one by one. */
const MAX_READ_OUT = 3;

const { currentUser } = document.body.dataset;
const byId = (id) => document.getElementById(id);
const feed = byId("feed");
const { room } = feed.dataset;
const scroller = byId("log");
const rooms = byId("rooms");
const form = byId("composer");
const dialog = byId("help");
let announcer = null;
/** Announces how many chats came `direction`: "newer" or "older". */
const announce = async (direction, count) => {
  if (!count) return;
  const { Announcer } = await import("./announcer.js");
  announcer ??= new Announcer(byId("announcement"));
  announcer.add(direction, count);
};
/** Looked up each time: frames of the site replace the element. */
const connectionStatus = () => byId("connection");
let outbox = null;
let pagination = null;
/** Whether the reader said something and has not seen it yet. */
let isGoingToEnd = false;

const added = (chats) => {
  for (const { dataset } of chats) outbox?.delivered(dataset.seq);
  decorate(feed, chats);
  actions.added(chats);
  outbox?.regroup();
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
  const isNew = ({ hidden, dataset }) => dataset.no && !hidden && Number(dataset.seq) > seen && dataset.author !== currentUser;
  const isOwnNew = ({ hidden, dataset }) => !hidden && Number(dataset.seq) > seen && dataset.author === currentUser;
  const isBulk = [...fragment.children].filter(isNew).length > MAX_READ_OUT;
  const outside = [...fragment.children].filter((chat) => isOutside(feed, chat));
  for (const chat of outside) {
    document.adoptNode(chat);
    outbox?.delivered(chat.dataset.seq);
  }
  pagination?.hold(outside);
  const insert = () =>
    scroll.receive(() => {
      for (const { dataset } of [...fragment.children].filter(isOwnNew)) outbox?.arrived(dataset.seq);
      const chats = merge(feed, fragment);
      added(chats);
      return [...chats, ...outside].filter(isNew);
    });
  const chats = isBulk ? withoutAnnouncing(feed, insert) : insert();
  if (isBulk) announce("newer", chats.length);
  connection.advance(upto);
  if (chats.length) help?.then((notify) => notify?.(chats.at(-1)));
  if (feed.childElementCount > MAX_CHATS) loadPagination().then((pages) => pages.trim());
};

const rename = async (title) => (await import("./room_title.js")).rename(title, unread);

let lists = null;
const updateLists = async (changes) => {
  if (lists || !changeInPlace(changes)) {
    lists ??= import("./room_list.js").catch(() => void (lists = null));
    (await lists)?.applyChanges(changes);
  }
  const name = document.querySelector(`#room-${room} .name`)?.textContent.trim();
  if (name && name !== byId("room-name").textContent) rename({ name });
};

/** Loads pictures again that failed while there was no connection. */
const reloadPictures = () => {
  for (const picture of document.querySelectorAll("img.picture")) {
    if (picture.complete && !picture.naturalWidth) picture.src = picture.getAttribute("src");
  }
};

const onMessage = (message) => {
  const element = parse(message);
  if (/^unread-|-changes$|^inbox/.test(element?.id)) updateLists(element);
  else if (element?.id === "room-title") rename(element.dataset);
  else if (element?.id) onElement(element);
  else if (element) onFragment(element);
};

const onState = (state) => {
  const { dataset } = connectionStatus();
  if (dataset.state === state) return;
  dataset.state = state;
  connectionStatus().textContent = dataset[state] ?? "";
  if (state === "connected") {
    outbox?.flush();
    reloadPictures();
  }
  if (state !== "deleted") return;
  form.elements.text.readOnly = true;
  import("./room_end.js").then(({ close }) => close(form));
};

const markRead = byId("mark-read");
const link = byId("to-latest");
const unread = new UnreadTracker({
  feed,
  currentUser,
  key: `read ${currentUser} ${room}`,
  dividerText: link.dataset.divider,
  onRead: async (no) => no > markRead?.dataset.read && (await import("./reading.js")).readUpTo(no),
});
document.addEventListener("visibilitychange", async () => document.hidden || (await import("./reading.js")).returned());
const navigation = performance.getEntriesByType("navigation")[0]?.type;
const position = navigation === "back_forward" ? savedPosition() : null;
const isLatest = !location.search && !location.hash;
const scroll = new ScrollManager({ feed, scroller, link, unread, isAtEnd: isLatest });
if (!position && isLatest) scroll.scrollToEnd();
savePosition(() => scroll.position());

const loadPagination = async () => {
  const { Pagination } = await import("./pagination.js");
  return (pagination ??= new Pagination({ feed, scroller, scroll, onLoaded }));
};
let jumps = null;
const loadJumps = async () => {
  const { Jumps } = await import("./jumps.js");
  return (jumps ??= new Jumps({ feed, scroller, scroll, unread, pages: loadPagination }));
};
const goToEnd = async () => (await loadJumps()).toLatest();
link.addEventListener("click", (event) => {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  goToEnd();
});

let help = null;
/** Returns nothing after a failure; the next use tries again. */
const loadHelp = () =>
  (help ??= import("./help_dialog.js").then(
    ({ setUp }) => setUp(dialog, byId("room-name").textContent),
    () => void (help = null),
  ));
const openHelp = async () => {
  await loadHelp();
  byId("room-menu")?.hidePopover();
  if (!dialog.open) dialog.showModal();
};
byId("open-help").hidden = false;
byId("open-help").addEventListener("click", openHelp);
document.addEventListener("keydown", (event) => {
  if (event.key !== "?" || !hasSingleKeys() || dialog.open || event.target.closest("input, textarea, select")) return;
  event.preventDefault();
  openHelp();
});
if (hasNotifications()) loadHelp();

const connection = new RoomConnection({
  room,
  cursor: Number(feed.dataset.upto),
  listCursor: () => rooms.dataset.upto,
  onMessage,
  onState,
  // After a sign-out the browser still has the draft and the outbox.
  keepsPage: (state) => actions.isEditing || (state === "deleted" && (outbox?.hasUnsent || form.elements.text.value)),
});

const actions = new ChatActions({
  feed,
  scroller,
  composer: form.elements.text,
  onEdited: (rev) => connection.awaitEntry(rev),
  onLost: (text, reason) => composer.restore(text, reason),
});

for (const button of document.querySelectorAll(".copy-room-link")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    byId("room-menu").hidePopover();
    actions.copy(`${location.origin}/room/${room}`);
  });
}

byId("attach-button")?.addEventListener("click", () => byId("attach").elements.file.click());

const composer = new Composer(form, {
  draftKey: `draft ${currentUser} ${room}`,
  send: (text) => {
    outbox.add(text, new FormData(form).getAll("mention"), (nonce) => actions.takeFiles(nonce));
    isGoingToEnd = hasNewer();
    if (isGoingToEnd) goToEnd();
    else scroll.scrollToEnd();
  },
  onTyping: () => connection.sendTyping(),
  editLast: () => actions.editLast(),
});

// A click on a person shows their card; with a modifier key it follows the link as usual.
document.addEventListener("click", (event) => {
  const chat = event.target.closest(".chat");
  const link = event.target.matches(".chat .picture")
    ? chat.querySelector(".nickname")
    : event.target.closest(':is(.chat, #presence) a[href^="/user/"]');
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  import("./person_card.js").then(({ showCard }) => showCard(link)).catch(() => location.assign(link.href));
});

outbox = new Outbox({
  key: `outbox ${currentUser} ${room}`,
  author: currentUser,
  list: byId("outbox"),
  feed,
  action: form.action,
  texts: form.dataset,
  restore: (text, reason) => composer.restore(text, reason),
  onSent: (seq) => {
    if (isGoingToEnd && hasNewer()) goToEnd();
    isGoingToEnd = false;
    // A chat before the cursor does not arrive again.
    if (byId(`chat-${seq}`) || seq <= Number(feed.dataset.upto)) outbox.delivered(seq);
    else connection.awaitEntry(seq);
  },
});

const onLoaded = (chats, direction) => {
  added(chats);
  unread.drawDivider();
  if (direction) announce(direction, chats.filter(({ hidden, dataset }) => dataset.no && !hidden).length);
};
// On a device with a keyboard the composer gets the focus, unless the reader opened a link to a chat.
if (!position && isLatest && !isTouch() && document.activeElement === document.body) {
  form.elements.text.focus({ preventScroll: true });
}
const showLinked = async () => {
  const seq = /^#chat-(\d+)$/.exec(location.hash)?.[1];
  const chat = seq && byId(`chat-${seq}`);
  if (seq && !chat) await (await loadJumps()).toLinked(seq);
  // Browsers go to a linked element, but not again when they reload the page.
  else if (chat?.hidden || (chat && navigation === "reload")) scroll.show(Number(chat.dataset.no));
};
addEventListener("hashchange", showLinked);
if (byId("load-older") || byId("load-newer")) await loadPagination();
const at = Number(new URLSearchParams(location.search).get("at"));
if (position) {
  if (!scroll.show(position.no, position.top) && !(await (await loadJumps()).show(position.no, position.top))) goToEnd();
} else if (location.hash) await showLinked();
else if (byId("unread-line")) byId("unread-line").scrollIntoView();
else if (at) scroll.show(at) || scroll.scrollToEnd();
else if (unread.summary) (await loadJumps()).offerUnread();
