// The switch for shortcuts of one key.

import { SINGLE_KEYS_OFF, hasSingleKeys, local } from "./storage.js";

/** Shows and stores whether the keys are on. */
export function shortcutsToggle(toggle) {
  toggle.checked = hasSingleKeys();
  toggle.addEventListener("change", () => local.set(SINGLE_KEYS_OFF, toggle.checked ? "off" : "on"));
}
