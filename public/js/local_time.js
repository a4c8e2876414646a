// Times in the reader's zone and language. Without script the page shows them in the zone of the site.

const DAY = 86_400_000;
/** The clock is read at least this often: no event tells that it was set. */
const CHECK_INTERVAL = 60_000;

const language = document.documentElement.lang;
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

/** Formatters keep the time zone of their creation. */
const formatters = () => {
  const format = (options) => new Intl.DateTimeFormat(language, options);
  return {
    clock: format({ hour: "numeric", minute: "2-digit" }),
    short: format({ month: "short", day: "numeric" }),
    day: format({ dateStyle: "full" }),
    date: format({ dateStyle: "long" }),
    full: format({ dateStyle: "full", timeStyle: "medium" }),
  };
};
let formats = formatters();

export const startOfDay = (at) => new Date(at).setHours(0, 0, 0, 0);
// Days have 23 to 25 hours.
const daysAgo = (at) => Math.round((startOfDay(Date.now()) - startOfDay(at)) / DAY);

export const timeOfDay = (at) => formats.clock.format(at);

/** Returns the time of day without AM or PM, for narrow margins. */
export const shortTimeOfDay = (at) =>
  formats.clock
    .formatToParts(at)
    .filter(({ type }) => type !== "dayPeriod")
    .map(({ value }) => value)
    .join("")
    .trim();

/** Returns the day of a time in words. Today and yesterday are named so. */
export function dayOf(at) {
  const ago = daysAgo(at);
  const name = formats.day.format(at);
  return ago === 0 || ago === 1 ? `${relative.format(-ago, "day")}, ${name}` : name;
}

/** Returns the time of day for today, else the day. */
export function timeInWords(at) {
  const ago = daysAgo(at);
  if (ago === 0) return timeOfDay(at);
  return ago === 1 ? relative.format(-1, "day") : formats.short.format(at);
}

/** Sets a text only if it differs: screen readers announce every change of a live region. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Writes the times below an element in words, or as dates. Times in a feed belong to `groups.js`. */
export function localize(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = formats.full.format(at);
    if (time.closest("chat-feed")) continue;
    setText(time, time.dataset.format === "date" ? formats.date.format(at) : timeInWords(at));
  }
}

export function onNewDay(redraw) {
  const today = () => `${new Date().toDateString()} ${new Date().getTimezoneOffset()}`;
  let drawn = today();
  let timer = 0;
  const check = () => {
    clearTimeout(timer);
    const untilMidnight = new Date().setHours(24, 0, 0, 0) - Date.now();
    timer = setTimeout(check, Math.min(CHECK_INTERVAL, untilMidnight));
    if (drawn === today()) return;
    drawn = today();
    formats = formatters();
    redraw();
  };
  document.addEventListener("visibilitychange", check);
  addEventListener("focus", check);
  addEventListener("pageshow", check);
  check();
}
