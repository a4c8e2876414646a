// Keeps the list of rooms up to date on pages outside rooms. In a room its own socket does.

import { LiveSocket } from "./live_socket.js";
import { parse } from "./merge.js";
import { applyChanges } from "./room_list.js";

const SIGNED_OUT = 4401;

const list = document.getElementById("rooms");
const live = new LiveSocket(() => `/user/me/live?list=${list.dataset.upto}`, {
  message: (text) => {
    const element = parse(text);
    if (element?.id === "rooms-changes") applyChanges(element);
  },
  closed: (code) => {
    if (code !== SIGNED_OUT) return live.retry();
    live.end();
    location.assign(`/user?next=${encodeURIComponent(location.pathname + location.search)}`);
  },
});
live.connect();
