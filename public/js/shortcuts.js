// The dialog with the keyboard shortcuts, which the ? key opens.

import { local } from "./storage.js";

const OFF_KEY = "no-keys";

/** Shows and stores whether the keys are on. */
export function shortcutsToggle(toggle) {
  toggle.checked = local.get(OFF_KEY) !== "on";
  toggle.addEventListener("change", () => local.set(OFF_KEY, toggle.checked ? "off" : "on"));
}

export function shortcuts({ dialog, button }) {
  const { shortcuts: toggle } = dialog.querySelector("form").elements;
  button.hidden = false;
  button.addEventListener("click", () => {
    button.closest("[popover]").hidePopover();
    dialog.showModal();
  });
  shortcutsToggle(toggle);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "?" || !toggle.checked || dialog.open || event.target.closest("input, textarea, select")) return;
    event.preventDefault();
    dialog.showModal();
  });
}
