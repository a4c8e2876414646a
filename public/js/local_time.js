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
    day: format({ weekday: "long", month: "long", day: "numeric" }),
    date: format({ dateStyle: "full" }),
    long: format({ dateStyle: "long" }),
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

/** Returns "Today" or "Yesterday". */
const relativeDay = (ago) => {
  const word = relative.format(-ago, "day");
  return word.charAt(0).toLocaleUpperCase(language) + word.slice(1);
};

export const dateOf = (at) => formats.date.format(at);

/** Returns the day of a time in words: today, yesterday, or the date, with the year unless it is this year. */
export function dayOf(at) {
  const ago = daysAgo(at);
  if (ago === 0 || ago === 1) return relativeDay(ago);
  return new Date(at).getFullYear() === new Date().getFullYear() ? formats.day.format(at) : dateOf(at);
}

/** Returns the time of day for today, else the day. */
export function timeInWords(at) {
  const ago = daysAgo(at);
  if (ago === 0) return timeOfDay(at);
  return ago === 1 ? relativeDay(1) : formats.short.format(at);
}

/** Sets a text only if it differs: screen readers announce every change of a live region. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Writes the times below an element. `data-format` chooses how; `data-relative` belongs to `time_ago.js`. Times in a feed belong to `groups.js`. */
export function localize(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = formats.full.format(at);
    if (time.closest("chat-feed")) continue;
    if (!("relative" in time.dataset)) setText(time, time.dataset.format === "date" ? formats.long.format(at) : timeInWords(at));
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
