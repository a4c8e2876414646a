// The sidebar and the keys of every page of a signed-in user.

import { hasSingleKeys } from "./storage.js";

const byId = (id) => document.getElementById(id);
const rooms = byId("rooms");
const query = byId("room-query");

const roomLinks = () => [...rooms.querySelectorAll("li:not([hidden]) > a")];

/** Shows the rooms whose names match what is typed. Those that the site has found for a search stay as they are. */
const filter = async () => {
  const isTyped = query.value && query.value !== query.defaultValue;
  const matches = isTyped ? (await import("./room_search.js")).matches : () => true;
  for (const room of rooms.children) room.hidden = !matches(room.querySelector(".name").textContent, query.value);
  byId("no-room-found").hidden = roomLinks().length > 0 || !query.value;
};

const goToNeighbour = (step) => {
  const links = roomLinks();
  const at = links.findIndex((link) => link.ariaCurrent);
  links.at(at < 0 ? 0 : (at + step) % links.length)?.click();
};

const openSwitcher = async () => {
  const { openSwitcher } = await import("./switcher.js");
  openSwitcher();
};

const isField = (element) => element.closest("input, textarea, select, [contenteditable]");
const isOpen = () => document.querySelector("dialog[open]");
/** In other fields the arrows with Alt belong to the browser or to the system. */
const mayLeave = (element) => !isOpen() && (!isField(element) || element === query || element === byId("text"));

const onKey = (event) => {
  const { key, ctrlKey, metaKey, altKey, isComposing, target } = event;
  if (isComposing || event.defaultPrevented) return;
  if ((ctrlKey || metaKey) && !altKey && key.toLowerCase() === "k") {
    event.preventDefault();
    openSwitcher();
  } else if (altKey && !ctrlKey && !metaKey && (key === "ArrowUp" || key === "ArrowDown")) {
    if (!mayLeave(target)) return;
    event.preventDefault();
    goToNeighbour(key === "ArrowUp" ? -1 : 1);
  } else if (ctrlKey || metaKey || altKey || isField(target) || isOpen() || !hasSingleKeys()) {
    // The key belongs to the browser or to a field, or the user turned single keys off.
  } else if (key === "/") {
    event.preventDefault();
    if (!query.checkVisibility()) byId("sidebar").showPopover();
    query.focus();
  } else if (key.length === 1 && key !== " " && key !== "?") byId("text")?.focus();
};

query.addEventListener("input", filter);
rooms.addEventListener("rooms-changed", filter);
query.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !query.value) return;
  event.preventDefault();
  query.value = "";
  filter();
});
document.addEventListener("keydown", onKey);
rooms.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
