// Names the day of the first chat in view while the line of that day is above the view. At the end of a log of today the
// name is hidden.

import { dayOfChat, isToday } from "./groups.js";
import { setText } from "./local_time.js";

/** The height of the line of a day, about, and how far from the end still counts as the end, in pixels. */
const LINE = 24;
const END_DISTANCE = 80;

export function stickyDay({ feed, scroller }) {
  const label = document.createElement("p");
  label.id = "current-day";
  label.ariaHidden = "true";
  label.hidden = true;
  label.append(document.createElement("span"));
  scroller.prepend(label);
  let frame = 0;

  const draw = () => {
    frame = 0;
    const { top } = scroller.getBoundingClientRect();
    const { left, width } = feed.getBoundingClientRect();
    const chat = document.elementFromPoint(left + width / 2, top + 1)?.closest("#feed > [data-seq]");
    // Between two chats nothing changes.
    if (!chat) return;
    const isLineAbove = chat.getBoundingClientRect().top < top - LINE;
    const { scrollHeight, scrollTop, clientHeight } = scroller;
    const isAtEnd = scrollHeight - scrollTop - clientHeight < END_DISTANCE;
    label.hidden = (chat.dataset.day && !isLineAbove) || (isAtEnd && isToday(chat));
    setText(label.firstChild, dayOfChat(chat));
  };

  const redraw = () => (frame ||= requestAnimationFrame(draw));
  scroller.addEventListener("scroll", redraw, { passive: true });
  redraw();
}
