// The toolbar at a chat, and its menu: beside the toolbar, or a sheet at the bottom of a touch screen. There is one of
// each; both move to the chat in question. They stay outside the feed, so that screen readers do not announce them.

import { placeBeside } from "./placement.js";

/** How far the toolbar reaches over the top of its chat, in pixels. */
const RISE = 22;
/** Between the toolbar and the end of its chat, and between the menu and its anchor. */
const MARGIN = 8;
const GAP = 4;

export class ChatMenu {
  #scroller;
  #toolbar;
  #dialog;
  #run;
  /** The chat of the toolbar, and the chat of the menu. */
  #chat = null;
  #subject = null;

  /** `run` is called with an action's name, its chat and the element that had the focus. */
  constructor({ template, scroller, feed, run }) {
    const tools = template.content.cloneNode(true);
    this.#scroller = scroller;
    this.#toolbar = tools.querySelector(".chat-toolbar");
    this.#dialog = tools.querySelector(".chat-menu");
    this.#run = run;
    this.#toolbar.hidden = true;
    scroller.append(this.#toolbar);
    scroller.after(this.#dialog);
    // A mouse leaves the focus where it is, in the composer most of the time.
    this.#toolbar.addEventListener("mousedown", (event) => event.preventDefault());
    this.#toolbar.addEventListener("click", (event) => this.#chosen(event));
    this.#dialog.addEventListener("click", (event) => this.#chosen(event));
    this.#dialog.addEventListener("keydown", (event) => this.#pressed(event));
    scroller.addEventListener("pointerleave", () => this.#left());
    scroller.addEventListener("focusout", ({ relatedTarget }) => !scroller.contains(relatedTarget) && this.#left());
    new ResizeObserver(() => this.#place()).observe(feed);
  }

  /** Shows the toolbar at a chat. */
  show(chat) {
    if (this.#dialog.open) return;
    if (this.#chat !== chat) this.hide();
    this.#chat = chat;
    chat.classList.add("has-tools");
    this.#toolbar.hidden = false;
    this.#allow(this.#toolbar, chat);
    this.#place();
  }

  hide() {
    this.#chat?.classList.remove("has-tools");
    this.#chat = null;
    this.#toolbar.hidden = true;
  }

  /** Opens the menu of a chat: as a sheet, or at `anchor`. `action` gets the focus. */
  open(chat, { isSheet = false, anchor = chat, action } = {}) {
    const time = chat.querySelector("time");
    this.#subject = chat;
    this.#allow(this.#dialog, chat);
    this.#dialog.querySelector(".by").textContent = chat.querySelector(".nickname").textContent;
    this.#dialog.querySelector(".at").textContent = time.title || time.textContent;
    this.#dialog.querySelector("a").href = chat.querySelector(".timestamp").href;
    this.#dialog.classList.toggle("sheet", isSheet);
    this.#dialog.removeAttribute("style");
    this.#dialog.showModal();
    if (!isSheet) this.#placeMenu(anchor.getBoundingClientRect());
    const preferred = action && this.#items().find(({ dataset }) => dataset.action === action);
    (preferred ?? this.#items()[0]).focus();
  }

  /** Hides the actions that the reader may not do, and those that have nothing to do. */
  #allow(root, chat) {
    const { currentUser, admin } = document.body.dataset;
    const isOwn = chat.dataset.author === currentUser;
    const hasText = chat.querySelector(".text").textContent !== "";
    const rights = { edit: isOwn, delete: isOwn || admin !== undefined, copy: hasText };
    for (const control of root.querySelectorAll("[data-action]")) {
      (control.closest("li") ?? control).hidden = rights[control.dataset.action] === false;
    }
  }

  #items() {
    return [...this.#dialog.querySelectorAll("li:not([hidden]) [data-action]")];
  }

  #place() {
    if (!this.#chat) return;
    if (!this.#chat.isConnected || this.#chat.hidden) return this.hide();
    const log = this.#scroller.getBoundingClientRect();
    const row = this.#chat.getBoundingClientRect();
    const top = Math.max(row.bottom - this.#textHeight() - RISE, log.top + 2);
    const end = log.left + this.#scroller.clientLeft + this.#scroller.clientWidth - row.right + MARGIN;
    Object.assign(this.#toolbar.style, { top: `${top - log.top + this.#scroller.scrollTop}px`, right: `${end}px` });
  }

  /** Returns the height of a chat without the lines above it that name a day or what is new. */
  #textHeight() {
    const { bottom } = this.#chat.getBoundingClientRect();
    const first = this.#chat.classList.contains("grouped") ? ".text" : ".meta";
    return bottom - (this.#chat.querySelector(first)?.getBoundingClientRect().top ?? bottom);
  }

  #placeMenu(anchor) {
    const { offsetWidth: width, offsetHeight: height, style } = this.#dialog;
    const { left, top } = placeBeside(anchor, { width, height }, { gap: GAP, isAtEnd: true });
    Object.assign(style, { left: `${left}px`, top: `${top}px` });
  }

  #chosen({ target, currentTarget, clientX, clientY }) {
    const control = target.closest("[data-action]");
    const chat = currentTarget === this.#dialog ? this.#subject : this.#chat;
    if (control?.dataset.action === "more") return this.open(chat, { anchor: control });
    if (!control) return currentTarget === this.#dialog && this.#closeOutside(clientX, clientY);
    this.#close();
    if (control.dataset.action !== "details") this.#run(control.dataset.action, chat);
  }

  #closeOutside(x, y) {
    const { left, right, top, bottom } = this.#dialog.getBoundingClientRect();
    if (x < left || x > right || y < top || y > bottom) this.#close();
  }

  #close() {
    if (this.#dialog.open) this.#dialog.close();
  }

  #pressed(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const items = this.#items();
    items.at((items.indexOf(document.activeElement) + step) % items.length).focus();
  }

  #left() {
    const isUsed = this.#dialog.open || this.#toolbar.contains(document.activeElement);
    if (!isUsed && !this.#chat?.contains(document.activeElement)) this.hide();
  }
}
