// Keeps the list of rooms up to date on pages outside rooms. In a room its own socket does.

import { LiveSocket, SIGNED_OUT } from "./live_socket.js";
import { parse } from "./merge.js";
import { applyChanges } from "./room_list.js";

/** Switches that are stored when they change, or that belong to the page only, hold nothing to be lost. */
const FIELDS = "main :is(input, textarea, select):not(#notifications *, .show-password *)";

const list = document.getElementById("rooms");

const isChanged = (field) => {
  if (field.matches("select")) return field.value !== (field.querySelector("[selected]") ?? field.options[0])?.value;
  if (field.matches("[type=checkbox], [type=radio]")) return field.checked !== field.defaultChecked;
  return field.value !== field.defaultValue;
};

const live = new LiveSocket(() => `/user/me/live?list=${list.dataset.upto}`, {
  message: (text) => {
    const element = parse(text);
    if (/^unread-|-changes$|^inbox/.test(element?.id)) applyChanges(element);
  },
  closed: (code) => {
    if (code !== SIGNED_OUT) return live.retry();
    live.end();
    // The answer to a form keeps what was typed.
    if ([...document.querySelectorAll(FIELDS)].some(isChanged)) return;
    location.assign(`/user?next=${encodeURIComponent(location.pathname + location.search)}`);
  },
});
live.connect();
