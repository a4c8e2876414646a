// Shows that a room has another name or topic: in its header, in its menu and in the title of the page.

const write = (name, text) => {
  for (const element of document.querySelectorAll(`:is(.room-title, .menu-header) ${name}`)) {
    element.textContent = text;
    element.hidden = !text;
  }
};

/** Shows those of the two that are given. `unread` owns the title of the page. */
export function rename({ name, topic }, unread) {
  const before = document.getElementById("room-name").textContent;
  if (name && name !== before) {
    unread.rename(before, name);
    write(":is(#room-name, .name)", name);
  }
  if (topic !== undefined) write(".topic", topic);
}
