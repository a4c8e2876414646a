// The menu of a member closes as other menus do: by Escape, which returns the focus, and by a click outside.

const openMenus = () => document.querySelectorAll(".member-actions[open]");

document.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  for (const menu of openMenus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
document.addEventListener("click", ({ target }) => {
  for (const menu of openMenus()) menu.open = menu.contains(target);
});
