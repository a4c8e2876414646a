// The quick switcher: a dialog that finds a room by its name.

import { isComposing } from "./message_field.js";
import { request } from "./request.js";
import { matches } from "./room_search.js";

const SEARCH_DELAY = 150;

const create = (name, properties) => Object.assign(document.createElement(name), properties);

const listedRooms = () =>
  [...document.querySelectorAll("#rooms > li > a")].map((link) => ({
    href: link.getAttribute("href"),
    name: link.querySelector(".name").textContent,
  }));

class Switcher {
  #dialog;
  #input;
  #list;
  #empty;
  #timer = 0;

  constructor(label, empty) {
    this.#dialog = create("dialog", { className: "switcher", ariaLabel: label });
    this.#input = create("input", { type: "search", role: "combobox", autocomplete: "off", dir: "auto", placeholder: label });
    this.#input.ariaLabel = label;
    this.#input.ariaExpanded = "true";
    this.#input.setAttribute("aria-controls", "switcher-rooms");
    this.#list = create("ul", { id: "switcher-rooms", role: "listbox", ariaLabel: label });
    this.#empty = create("p", { className: "empty", textContent: empty, hidden: true });
    this.#dialog.append(this.#input, this.#list, this.#empty);
    document.body.append(this.#dialog);
    this.#input.addEventListener("input", () => this.#typed());
    this.#input.addEventListener("keydown", (event) => this.#pressed(event));
    this.#list.addEventListener("click", ({ target }) => this.#go(target.closest("[role=option]")));
    this.#dialog.addEventListener("click", ({ target }) => target === this.#dialog && this.#dialog.close());
  }

  toggle() {
    if (this.#dialog.open) return this.#dialog.close();
    this.#input.value = "";
    this.#show(listedRooms());
    this.#dialog.showModal();
  }

  #typed() {
    const found = listedRooms().filter(({ name }) => matches(name, this.#input.value));
    this.#show(found);
    clearTimeout(this.#timer);
    if (this.#input.value.trim()) this.#timer = setTimeout(() => this.#search(found), SEARCH_DELAY);
  }

  /** Adds rooms that the page does not list. */
  async #search(found) {
    const typed = this.#input.value;
    const response = await request(`/room?q=${encodeURIComponent(typed)}`, { json: true }).catch(() => null);
    if (!response?.ok) return;
    const { rooms } = await response.json();
    const all = new Map(found.map((room) => [room.href, room]));
    for (const { id, name } of rooms) all.set(`/room/${id}`, { href: `/room/${id}`, name });
    if (this.#input.value === typed && all.size > found.length) this.#show([...all.values()], this.#selected?.dataset.href);
  }

  #pressed(event) {
    if (isComposing(event)) return;
    const selected = this.#selected;
    if (event.key === "Enter") this.#go(selected);
    else if (event.key === "ArrowDown") this.#select(selected?.nextElementSibling ?? selected);
    else if (event.key === "ArrowUp") this.#select(selected?.previousElementSibling ?? selected);
    else return;
    event.preventDefault();
  }

  get #selected() {
    return this.#list.querySelector("[aria-selected=true]");
  }

  /** Shows rooms and selects the one with the address `href`, or the first. */
  #show(rooms, href) {
    const options = rooms.map(({ href, name }, at) => {
      const option = create("li", { id: `switcher-${at}`, role: "option", dir: "auto", textContent: name });
      option.dataset.href = href;
      return option;
    });
    this.#list.replaceChildren(...options);
    this.#empty.hidden = options.length > 0;
    this.#select(options.find(({ dataset }) => dataset.href === href) ?? options[0]);
  }

  #select(option) {
    for (const other of this.#list.children) other.ariaSelected = String(other === option);
    option?.scrollIntoView({ block: "nearest" });
    this.#input.setAttribute("aria-activedescendant", option?.id ?? "");
  }

  #go(option) {
    if (option) location.assign(option.dataset.href);
  }
}

let switcher = null;

export function openSwitcher() {
  const { switcher: label } = document.getElementById("room-list").dataset;
  switcher ??= new Switcher(label, document.getElementById("no-room-found").textContent);
  switcher.toggle();
}
