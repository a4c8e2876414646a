// Keeps the position in a log for each entry of the tab's history. Browsers keep only the position in the page, and load
// a room again.

import { session } from "./storage.js";

const KEY = "places";
const MAX_POSITIONS = 50;

const read = () => session.getJson(KEY) ?? {};

const identifyEntry = () => {
  if (history.state?.entry) return;
  const entry = `${Date.now()}-${Math.random().toString(36).slice(2)}`;
  history.replaceState({ ...history.state, entry }, "");
};

export const savedPosition = () => read()[history.state?.entry] ?? null;

/** Saves the position that `position` returns whenever the page is left. */
export function savePosition(position) {
  identifyEntry();
  addEventListener("hashchange", identifyEntry);
  addEventListener("pagehide", () => {
    const { [history.state?.entry]: _, ...others } = read();
    const positions = [...Object.entries(others), [history.state?.entry, position()]].slice(-MAX_POSITIONS);
    session.setJson(KEY, Object.fromEntries(positions));
  });
}
