// Keeps the place in a log for each entry of the window's history. Browsers keep only the place in the page itself, and
// load a room again.

const KEY = "places";
/** The most places that are kept. */
const MOST = 50;

const read = () => {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? {};
  } catch {
    // Forbidden, or not ours.
    return {};
  }
};

/** Names the history's present entry, so that its place is found again. */
const nameEntry = () => {
  if (history.state?.entry) return;
  const entry = `${Date.now()}-${Math.random().toString(36).slice(2)}`;
  history.replaceState({ ...history.state, entry }, "");
};

/** Returns the place that was kept for this entry of the history, or null. */
export const keptPlace = () => read()[history.state?.entry] ?? null;

/** Keeps the place that `place` returns whenever the page is left. */
export function keepPlace(place) {
  nameEntry();
  addEventListener("hashchange", nameEntry);
  addEventListener("pagehide", () => {
    const { [history.state?.entry]: _, ...others } = read();
    const places = [...Object.entries(others), [history.state?.entry, place()]].slice(-MOST);
    try {
      sessionStorage.setItem(KEY, JSON.stringify(Object.fromEntries(places)));
    } catch {
      // Full or forbidden: the page opens at its end.
    }
  });
}
