// What a reader can do with a chat: by pointer, by touch, and by keyboard. What it needs is loaded on first use.

/** The first sign that somebody uses the page. */
const FIRST_USE = ["pointermove", "pointerdown", "keydown"];

const isVisible = (chat) => !chat.hidden;
const linksOf = (chat) => chat.querySelectorAll(".meta a");

export class ChatActions {
  #feed;
  #scroller;
  #options;
  /** The tools while they are loaded, the loaded tools, and the chat that has or had the focus. */
  #loading = null;
  #loaded = null;
  #current = null;
  #pointer = "mouse";

  /**
   * `composer` gets the focus when an edit ends that began there. `onEdited` and `restore` are as in `ChatEditor` and
   * `Composer`.
   */
  constructor({ feed, scroller, composer, onEdited, restore }) {
    this.#feed = feed;
    this.#scroller = scroller;
    this.#options = { composer, onEdited, restore };
    this.added([...feed.children]);
    for (const type of FIRST_USE) addEventListener(type, () => this.#tools(), { once: true, passive: true });
    addEventListener("pointerdown", ({ pointerType }) => (this.#pointer = pointerType), { capture: true, passive: true });
    feed.addEventListener("pointerover", (event) => this.#hovered(event));
    feed.addEventListener("click", (event) => this.#tapped(event));
    feed.addEventListener("contextmenu", (event) => this.#tapped(event));
    scroller.addEventListener("focusin", ({ target }) => target.matches(".chat") && this.#focused(target));
    scroller.addEventListener("keydown", (event) => this.#pressed(event));
  }

  get isEditing() {
    return this.#loaded?.editor.isEditing ?? false;
  }

  /** Edits the reader's last chat on the page. Returns whether there is one. */
  editLast() {
    const last = [...this.#feed.querySelectorAll(".own:not([hidden])")].at(-1);
    if (last) this.#edit(last, true);
    return Boolean(last);
  }

  /** Takes new elements of chats into account. */
  added(chats) {
    for (const chat of chats) for (const link of linksOf(chat)) link.tabIndex = -1;
    this.#loaded?.removals.keepHidden(chats);
    this.#loaded?.editor.added(chats);
    // The element with the focus may have been replaced.
    const current = chats.find(({ id, hidden }) => id === this.#current?.id && !hidden);
    if (current && document.activeElement === document.body) this.#focus(current);
  }

  /** Loads the tools once. Returns null if they cannot be loaded now: the page of each chat has forms for the same. */
  #tools() {
    return (this.#loading ??= this.#load().catch(() => (this.#loading = null)));
  }

  async #load() {
    const [{ ChatMenu }, { ChatEditor }, { Removals }, { Toast }] = await Promise.all([
      import("./chat_menu.js"),
      import("./edit.js"),
      import("./undo.js"),
      import("./toast.js"),
    ]);
    const { onEdited, restore } = this.#options;
    const template = document.getElementById("chat-tools");
    const toast = new Toast(document.getElementById("toast"), () => this.#pointer !== "touch" && this.#focusComposer());
    const removals = new Removals(toast);
    const onRemove = (chat) => this.#remove(chat);
    const editor = new ChatEditor({ template, toast, onEdited, onRemove, onLost: restore });
    const run = (action, chat) => this.#run(action, chat);
    const menu = new ChatMenu({ template, scroller: this.#scroller, feed: this.#feed, run });
    return (this.#loaded = { menu, editor, removals, toast });
  }

  async #hovered({ target, pointerType }) {
    const chat = target.closest(".chat:not(.editing)");
    if (!chat || pointerType === "touch") return;
    const tools = await this.#tools();
    if (chat.matches(":hover")) tools?.menu.show(chat);
  }

  /** A tap on a text opens the sheet, unless it selects words or only closes the keyboard. */
  #tapped(event) {
    const chat = event.target.closest(".chat");
    const isText = event.target.closest(".text") && !event.target.closest("a, button, summary, pre");
    if (this.#pointer !== "touch" || !isText || !getSelection().isCollapsed) return;
    if (document.activeElement?.matches("textarea, input")) return;
    event.preventDefault();
    this.#open(chat, { isSheet: true });
  }

  #pressed(event) {
    const { target, key, ctrlKey, metaKey, altKey, shiftKey } = event;
    const chat = target.matches(".chat") ? target : null;
    if ((!chat && target !== this.#scroller) || ctrlKey || metaKey || altKey) return;
    const isMenuKey = key === "Enter" || key === " " || key === "ContextMenu" || (shiftKey && key === "F10");
    const step = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[key];
    if (step) this.#move(step);
    else if (!chat) return;
    else if (isMenuKey) this.#open(chat);
    else if (key === "Delete" || key === "Backspace") this.#open(chat, { action: "delete" });
    else if (key === "e" || key === "ㄷ") this.#isOwn(chat) && this.#edit(chat);
    else if (key === "Escape") this.#focusComposer();
    else return;
    event.preventDefault();
    // Other letters go to the composer.
    event.stopPropagation();
  }

  #focusComposer() {
    this.#options.composer.focus({ preventScroll: true });
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
    for (const link of this.#current ? linksOf(this.#current) : []) link.tabIndex = -1;
    this.#current = chat;
    // The links of one chat at a time can be reached with Tab.
    for (const link of linksOf(chat)) link.tabIndex = 0;
    chat.tabIndex = -1;
    chat.focus({ preventScroll: true });
    chat.scrollIntoView({ block: "nearest" });
  }

  async #focused(chat) {
    this.#current = chat;
    if (!chat.matches(":focus-visible")) return;
    const tools = await this.#tools();
    if (document.activeElement === chat) tools?.menu.show(chat);
  }

  async #open(chat, options) {
    const tools = await this.#tools();
    if (options?.isSheet) tools?.menu.hide();
    tools?.menu.open(chat, options);
  }

  async #edit(chat, isFromComposer = false) {
    const tools = await this.#tools();
    if (!tools) return;
    tools.menu.hide();
    const hadFocus = document.activeElement === chat;
    tools.editor.start(chat, (after) => {
      if (hadFocus && after && !after.hidden) this.#focus(after);
      else if (isFromComposer || this.#pointer !== "touch") this.#focusComposer();
    });
  }

  #remove(chat) {
    const { menu, removals } = this.#loaded;
    menu.hide();
    if (document.activeElement === chat) this.#move("nextElementSibling") || this.#move("previousElementSibling");
    removals.remove(chat);
  }

  async #copy(text) {
    const { toast } = this.#loaded;
    const { copyText } = await import("./clipboard.js");
    const isCopied = await copyText(text);
    toast.show(isCopied ? toast.texts.copied : toast.texts.copyFailed, { isError: !isCopied });
  }

  #run(action, chat) {
    const { room } = this.#feed.dataset;
    const { no, seq } = chat.dataset;
    const actions = {
      edit: () => this.#edit(chat),
      delete: () => this.#remove(chat),
      link: () => this.#copy(new URL(`/room/${room}?at=${no}#chat-${seq}`, location).href),
      copy: () => this.#copy(chat.querySelector(".text").innerText),
    };
    actions[action]();
  }
}
