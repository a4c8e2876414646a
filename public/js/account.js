// The account page: what is kept in this browser, and switches that show passwords.

import { notifications } from "./notifications.js";
import { passwordToggles } from "./password_toggle.js";
import { shortcutsToggle } from "./shortcuts.js";
import { writeTimesAgo } from "./time_ago.js";

const form = document.getElementById("notifications");
notifications({ form, room: "" });
shortcutsToggle(form.elements.shortcuts);
passwordToggles();
writeTimesAgo(document);
