// A person's card beside the name that was clicked: the card of the person's page, in a popover.

import { localize } from "./local_time.js";
import { request } from "./request.js";

const GAP = 8;
const MARGIN = 8;

const sheet = new URL("../css/users.css", import.meta.url).href;

/** Waits until the card's style sheet is there, so that the card is measured as it will look. */
const loadStyles = () => {
  if (document.querySelector(`link[href="${new URL(sheet).pathname}"]`)) return Promise.resolve();
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL(sheet).pathname });
  const loaded = new Promise((resolve) => (link.onload = link.onerror = resolve));
  document.head.append(link);
  return loaded;
};

const fetchCard = async (address) => {
  const response = await request(address);
  if (!response.ok && response.status !== 404) throw new Error(response.status);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const card = page.querySelector("article.person");
  if (!card) throw new Error("no card");
  const title = document.createElement("h2");
  const heading = card.querySelector("h1");
  title.append(...heading.childNodes);
  title.id = "person-card-title";
  title.dir = "auto";
  heading.replaceWith(title);
  return document.adoptNode(card);
};

const popover = () => {
  const old = document.getElementById("person-card");
  if (old) return old;
  const card = Object.assign(document.createElement("div"), { id: "person-card", popover: "auto", tabIndex: -1 });
  card.setAttribute("role", "dialog");
  card.setAttribute("aria-labelledby", "person-card-title");
  card.autofocus = true;
  return card;
};

/** Places the card below or above the link, within the window. Narrow windows show it at the bottom, by style sheet. */
const place = (card, link) => {
  const { left, top, bottom } = link.getBoundingClientRect();
  const { width, height } = card.getBoundingClientRect();
  const below = bottom + GAP + height <= innerHeight - MARGIN;
  const clamp = (value, size, room) => Math.max(MARGIN, Math.min(value, room - size - MARGIN));
  card.style.setProperty("--left", `${clamp(left, width, innerWidth)}px`);
  card.style.setProperty("--top", `${clamp(below ? bottom + GAP : top - GAP - height, height, innerHeight)}px`);
};

let latest = null;

/** Shows the card that a link leads to. Follows the link if the card cannot be fetched. */
export async function showCard(link) {
  latest = link;
  try {
    const [content] = await Promise.all([fetchCard(link.href), loadStyles()]);
    if (latest !== link || !link.isConnected) return;
    const card = popover();
    // Inside another popover, which stays open below it.
    (link.closest("[popover]") ?? document.body).append(card);
    card.replaceChildren(content);
    localize(card);
    link.focus({ preventScroll: true });
    card.showPopover();
    place(card, link);
  } catch {
    location.assign(link.href);
  }
}
