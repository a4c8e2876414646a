// Times in the reader's zone and language. The server writes UTC, for browsers without script.

const language = document.documentElement.lang;
const format = (options) => new Intl.DateTimeFormat(language, options);
const clock = format({ hour: "numeric", minute: "2-digit" });
const short = format({ month: "short", day: "numeric" });
const day = format({ dateStyle: "full" });
const full = format({ dateStyle: "full", timeStyle: "medium" });
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

const DAY = 86_400_000;
const midnight = (at) => new Date(at).setHours(0, 0, 0, 0);
const daysAgo = (at) => Math.round((midnight(Date.now()) - midnight(at)) / DAY);

/** The hour and minute. */
export const hour = (at) => clock.format(at);

/** The same without its half of the day, for narrow margins. */
export const brief = (at) =>
  clock
    .formatToParts(at)
    .filter(({ type }) => type !== "dayPeriod")
    .map(({ value }) => value)
    .join("")
    .trim();

/** The day of a time in words: today and yesterday by name. */
export function dayOf(at) {
  const ago = daysAgo(at);
  const name = day.format(at);
  return ago === 0 || ago === 1 ? `${relative.format(-ago, "day")}, ${name}` : name;
}

/** Rewrites the times below an element: of today the hour, else the day. */
export function localize(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const ago = daysAgo(at);
    if (ago === 0) time.textContent = clock.format(at);
    else time.textContent = ago === 1 ? relative.format(-1, "day") : short.format(at);
    time.title = full.format(at);
  }
}
