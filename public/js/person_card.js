// A person's card beside the name that was clicked: the card of the person's page, in a popover.

import { localize } from "./local_time.js";
import { placeBeside } from "./placement.js";
import { request } from "./request.js";
import { loadStyleSheet } from "./style_sheet.js";

/** Between the card and the link, in pixels. */
const GAP = 8;

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

/** Places the card below or above the link. Narrow windows show it at the bottom, by style sheet. */
const place = (card, link) => {
  const { left, top } = placeBeside(link.getBoundingClientRect(), card.getBoundingClientRect(), { gap: GAP });
  card.style.setProperty("--left", `${left}px`);
  card.style.setProperty("--top", `${top}px`);
};

let latest = null;

/** Shows the card that a link leads to. Follows the link if the card or its style sheet cannot be loaded. */
export async function showCard(link) {
  latest = link;
  try {
    // The card is measured as it will look.
    const [content] = await Promise.all([fetchCard(link.href), loadStyleSheet("person")]);
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
