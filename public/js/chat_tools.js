// The tools of a chat, by pointer, by touch and by keyboard: toolbar, menu, editor, and undo of a removal.

import { ChatMenu } from "./chat_menu.js";
import { copyText } from "./clipboard.js";
import { ChatEditor } from "./edit.js";
import { stickyDay } from "./sticky_day.js";
import { Toast } from "./toast.js";
import { Removals } from "./undo.js";

const isVisible = (element) => element.matches("article:not([hidden])");
const linksOf = (chat) => chat.querySelectorAll(".meta a");

export class ChatTools {
  #feed;
  #scroller;
  #composer;
  #toast;
  #menu;
  #editor;
  #removals;
  #opening = null;
  #attachments = null;
  /** The chat that has or had the focus. */
  #current = null;
  #pointer = "mouse";

  /**
   * `composer` gets the focus when an edit ends that began there. `onEdited` and `onLost` are as in `ChatEditor`.
   */
  constructor({ feed, scroller, composer, onEdited, onLost }) {
    this.#feed = feed;
    this.#scroller = scroller;
    this.#composer = composer;
    const template = document.getElementById("chat-tools");
    const leave = () => this.#pointer !== "touch" && this.#focusComposer();
    const onRemove = (chat) => this.#remove(chat);
    this.#toast = new Toast(document.getElementById("toast"), leave);
    this.#removals = new Removals(this.#toast);
    this.#editor = new ChatEditor({ template, toast: this.#toast, onEdited, onRemove, onLost });
    this.#menu = new ChatMenu({ template, scroller, feed, run: (action, chat) => this.#run(action, chat) });
    addEventListener("pointerdown", ({ pointerType }) => (this.#pointer = pointerType), { capture: true, passive: true });
    feed.addEventListener("pointerover", (event) => this.hovered(event));
    feed.addEventListener("click", (event) => this.tapped(event));
    feed.addEventListener("contextmenu", (event) => this.tapped(event));
    scroller.addEventListener("focusin", ({ target }) => target.matches(".chat") && this.#focused(target));
    scroller.addEventListener("keydown", (event) => this.#pressed(event));
    const input = document.getElementById("attach")?.elements.file;
    input?.addEventListener("change", (event) => this.#chosen(event));
    // Files may have been chosen before this script came.
    if (input?.files.length) this.#chosen({ target: input });
    for (const type of ["paste", "dragover", "drop"]) addEventListener(type, (event) => this.#brought(event));
    stickyDay({ feed, scroller });
  }

  get isEditing() {
    return this.#editor.isEditing;
  }

  /** Takes new elements of chats into account. */
  added(chats) {
    this.#removals.keepHidden(chats);
    for (const chat of chats) if (chat.matches(".unfolded + .event")) chat.classList.add("unfolded");
    this.#editor.added(chats);
    // The element with the focus may have been replaced.
    const current = chats.find(({ id, hidden }) => id === this.#current?.id && !hidden);
    if (current && document.activeElement === document.body) this.#focus(current);
  }

  /** Takes files that are pasted or dropped. A link or a picture of a page brings its address and is none. */
  #brought(event) {
    const { types, files } = event.clipboardData ?? event.dataTransfer;
    if (!types.includes("Files") || types.includes("text/uri-list")) return;
    const text = event.clipboardData?.getData("text/plain");
    if (!text) event.preventDefault();
    if (document.getElementById("attach")) this.#receive(event, [...files], text);
  }

  async #receive(event, files, text) {
    this.#opening ??= import("./attachments.js").then(({ openAttachments }) => openAttachments(this.#composer.form));
    try {
      this.#attachments = await this.#opening;
      this.#attachments.receive(event, files, text);
    } catch {
      this.#opening = null;
      this.#toast.show(this.#toast.texts.attachFailed, { isError: true });
    }
  }

  takeFiles(nonce) {
    return this.#attachments?.take(nonce);
  }

  async #chosen(event) {
    const { target } = event;
    await this.#receive(event, [...target.files]);
    // The same file may be chosen again.
    target.value = "";
  }

  /** Shows the toolbar at the chat below the pointer. */
  hovered({ target, pointerType }) {
    const chat = target.closest(".chat:hover:not(.editing)");
    if (chat && pointerType !== "touch") this.#menu.show(chat);
  }

  /** A tap on a text opens the sheet, unless it selects words or only closes the keyboard. So does a long one on files. */
  tapped(event) {
    const picture = event.target.closest("[data-kind=picture] > a");
    if (picture && event.type === "click") return this.#view(picture, event);
    const more = event.target.closest(".event .more");
    if (more && event.type === "click") return this.#unfold(more, event);
    const chat = event.target.closest(".chat");
    const isPressed = event.type === "contextmenu" && event.target.closest(".files");
    const isText =
      isPressed || (event.target.closest(".text, .files") && !event.target.closest("a, button, summary, pre, audio, video"));
    if ((event.pointerType ?? this.#pointer) !== "touch" || !isText || !getSelection().isCollapsed) return;
    if (document.activeElement?.matches("textarea, input")) return;
    event.preventDefault();
    this.#menu.hide();
    this.#menu.open(chat, { isSheet: true });
  }

  /** Opens a picture in the viewer. */
  #view(link, click) {
    if (click.metaKey || click.ctrlKey || click.shiftKey || click.altKey) return;
    click.preventDefault();
    import("./viewer.js").then(({ view }) => view(link)).catch(() => window.open(link.href));
  }

  /** Shows folded events. Without this script the link shows them. */
  #unfold(link, click) {
    click.preventDefault();
    let event = link.parentElement;
    const first = event;
    for (; event?.matches(".event, [hidden]"); event = event.nextElementSibling) event.classList.add("unfolded");
    // The link is gone: the focus stays at the first line that it has shown.
    first.tabIndex = -1;
    first.focus({ preventScroll: true });
  }

  /** Edits a chat. */
  edit(chat, isFromComposer = false) {
    this.#menu.hide();
    const hadFocus = document.activeElement === chat;
    return this.#editor.start(chat, (after) => {
      if (hadFocus && after && !after.hidden) this.#focus(after);
      else if (isFromComposer || this.#pointer !== "touch") this.#focusComposer();
    });
  }

  #pressed(event) {
    const { target, key, ctrlKey, metaKey, altKey, shiftKey } = event;
    const chat = target.matches(".chat") ? target : null;
    if ((!chat && target !== this.#scroller && !target.matches(".event")) || ctrlKey || metaKey || altKey) return;
    const isMenuKey = key === "Enter" || key === " " || key === "ContextMenu" || (shiftKey && key === "F10");
    const step = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[key];
    if (step) this.#move(step);
    else if (!chat) return;
    else if (isMenuKey) this.#menu.open(chat);
    else if (key === "Delete" || key === "Backspace") this.#menu.open(chat, { action: "delete" });
    else if (key === "e" || key === "ㄷ") this.#isOwn(chat) && this.edit(chat);
    else if (key === "Escape") this.#focusComposer();
    else return;
    event.preventDefault();
    // Other letters go to the composer.
    event.stopPropagation();
  }

  #focusComposer() {
    this.#composer.focus({ preventScroll: true });
  }

  #isOwn({ dataset }) {
    return dataset.author === document.body.dataset.currentUser;
  }

  /** Moves the focus to the next chat, the first time to the last chat in view. Returns whether there is one. */
  #move(direction) {
    const isGone = !this.#current?.isConnected || this.#current.hidden;
    let next = isGone ? this.#lastInView() : this.#current;
    if (!isGone && document.activeElement === this.#current) {
      do next = next[direction];
      while (next && !isVisible(next));
    }
    if (next) this.#focus(next);
    return Boolean(next);
  }

  #lastInView() {
    const { bottom } = this.#scroller.getBoundingClientRect();
    const chats = [...this.#feed.children].filter(isVisible);
    return chats.findLast((chat) => chat.getBoundingClientRect().bottom <= bottom + 1) ?? chats[0];
  }

  #focus(chat) {
    // One chat at a time can be reached with Tab, and its links.
    const setReachable = (element, index) => [element, ...linksOf(element)].forEach((one) => (one.tabIndex = index));
    if (this.#current) setReachable(this.#current, -1);
    this.#current = chat;
    setReachable(chat, 0);
    chat.focus({ preventScroll: true });
    chat.scrollIntoView({ block: "nearest" });
  }

  #focused(chat) {
    this.#current = chat;
    if (chat.matches(":focus-visible")) this.#menu.show(chat);
  }

  #remove(chat) {
    this.#menu.hide();
    if (document.activeElement === chat) this.#move("nextElementSibling") || this.#move("previousElementSibling");
    this.#removals.remove(chat);
  }

  async copy(text) {
    const isCopied = await copyText(text);
    const { copied, copyFailed } = this.#toast.texts;
    this.#toast.show(isCopied ? copied : copyFailed, { isError: !isCopied });
  }

  #run(action, chat) {
    const { room } = this.#feed.dataset;
    const { no, seq } = chat.dataset;
    const actions = {
      edit: () => this.edit(chat),
      delete: () => this.#remove(chat),
      link: () => this.copy(new URL(`/room/${room}?at=${no}#chat-${seq}`, location).href),
      copy: () => this.copy(chat.querySelector(".text").innerText),
      unread: async () => (await import("./reading.js")).markUnread(no),
    };
    actions[action]();
  }
}
