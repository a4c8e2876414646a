// Tells the site up to which message the reader has read, and from which one on messages count as unread.

import { request } from "./request.js";

/** Between two requests. */
const INTERVAL = 1_000;

const form = document.getElementById("mark-read");
const room = document.getElementById("feed").dataset.room;
let sent = Number(form?.dataset.read ?? 0);
let wanted = sent;
let timer = 0;
// When all is read the site no longer knows where the unread messages began.
for (const link of document.querySelectorAll(".to-unread")) link.href = `/room/${room}?at=${sent + 1}&line=1`;

function send(fields) {
  const body = new URLSearchParams(new FormData(form));
  body.delete("no");
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  return request(form.action, { method: "POST", body, json: true, keepalive: true });
}

async function flush() {
  timer = 0;
  if (wanted <= sent) return;
  const no = wanted;
  try {
    // After a failure the next message tries again.
    if (!(await send({ no })).ok) return;
    sent = no;
    if (wanted > sent) timer ||= setTimeout(flush, INTERVAL);
  } catch {
    // The site cannot be reached.
  }
}

/** Marks the messages up to number `no` as read. */
export function readUpTo(no) {
  if (!form) return;
  wanted = Math.max(wanted, no);
  timer ||= setTimeout(flush, INTERVAL / 4);
}

/** Marks message `no` and all later ones as unread, and leaves the room. */
export async function markUnread(no) {
  clearTimeout(timer);
  if ((await send({ unread: no })).ok) location.assign("/room");
}

/** Takes note that somebody came back to the page, and knows of what was marked as unread elsewhere meanwhile. */
export function returned() {
  const rev = document.getElementById(`unread-${room}`)?.dataset.rev;
  if (form && rev) form.elements.rev.value = rev;
}
addEventListener("pagehide", () => timer && flush());
