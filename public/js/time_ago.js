// Times as how long ago they were.

import { setText } from "./local_time.js";

const relative = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
const DAY = 86_400_000;
const UNITS = [
  [DAY, "day"],
  [DAY / 24, "hour"],
  [DAY / 1_440, "minute"],
];

/** Returns how long ago a time was, in the largest unit that fits. */
const timeAgo = (at) => {
  const span = Math.max(0, Date.now() - at);
  const [length, unit] = UNITS.find(([length]) => span >= length) ?? [Infinity, "second"];
  return relative.format(-Math.floor(span / length), unit);
};

/** Writes the times below an element that have `data-relative`. */
export function writeTimesAgo(root) {
  for (const time of root.querySelectorAll("time[data-relative]")) setText(time, timeAgo(new Date(time.dateTime)));
}
