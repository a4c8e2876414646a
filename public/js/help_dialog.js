// The dialog with the keyboard shortcuts and the settings for notifications. It loads when it opens, or when the user has
// turned notifications on.

import { notifications } from "./notifications.js";
import { shortcutsToggle } from "./shortcuts.js";

/** Returns a function that notifies the user of a chat. */
export function setUp(dialog, room) {
  const form = dialog.querySelector("#help-settings");
  shortcutsToggle(form.elements.shortcuts);
  return notifications({ form, room });
}
