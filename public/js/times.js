// Times in the reader's time zone and language. For browsers without script the server writes them in `site.zone`.

const DAY = 86_400_000;
/** The longest wait until the clock is read again. A clock that is set tells no script. */
const CHECK = 60_000;

const language = document.documentElement.lang;
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

/** Formatters keep the time zone in which they were made. */
const formatters = () => {
  const format = (options) => new Intl.DateTimeFormat(language, options);
  return {
    clock: format({ hour: "numeric", minute: "2-digit" }),
    short: format({ month: "short", day: "numeric" }),
    day: format({ dateStyle: "full" }),
    full: format({ dateStyle: "full", timeStyle: "medium" }),
  };
};
let formats = formatters();

/** Returns the start of the day of a time. */
export const midnight = (at) => new Date(at).setHours(0, 0, 0, 0);
// Days have 23 to 25 hours.
const daysAgo = (at) => Math.round((midnight(Date.now()) - midnight(at)) / DAY);

/** Returns the hour and minute. */
export const hour = (at) => formats.clock.format(at);

/** Returns the hour and minute without the half of the day, for narrow margins. */
export const brief = (at) =>
  formats.clock
    .formatToParts(at)
    .filter(({ type }) => type !== "dayPeriod")
    .map(({ value }) => value)
    .join("")
    .trim();

/** Returns the day of a time in words: today and yesterday by name. */
export function dayOf(at) {
  const ago = daysAgo(at);
  const name = formats.day.format(at);
  return ago === 0 || ago === 1 ? `${relative.format(-ago, "day")}, ${name}` : name;
}

/** Sets a text only if it differs: live regions read out what is written. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Rewrites the times below an element: of today the hour, else the day. The texts of a feed's times are left to groups. */
export function localize(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = formats.full.format(at);
    if (time.closest("chat-feed")) continue;
    const ago = daysAgo(at);
    if (ago === 0) write(time, hour(at));
    else write(time, ago === 1 ? relative.format(-1, "day") : formats.short.format(at));
  }
}

/** Calls `redraw` when the day or the time zone has changed: at midnight, and after the clock was set. */
export function onNewDay(redraw) {
  const now = () => `${new Date().toDateString()} ${new Date().getTimezoneOffset()}`;
  let drawn = now();
  let timer = 0;
  const check = () => {
    clearTimeout(timer);
    const untilMidnight = new Date().setHours(24, 0, 0, 0) - Date.now();
    timer = setTimeout(check, Math.min(CHECK, untilMidnight));
    if (drawn === now()) return;
    drawn = now();
    formats = formatters();
    redraw();
  };
  document.addEventListener("visibilitychange", check);
  addEventListener("focus", check);
  addEventListener("pageshow", check);
  check();
}
