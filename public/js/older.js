// Loads older chats when the top comes into view, and keeps what is read where it is.

import { parse, placeAll } from "./place.js";
import { quietly } from "./quiet.js";

/** How long an answer may take. */
const PATIENCE = 15_000;

/** `placed` is called with the chats that were added. Returns a function that loads the next older ones. */
export function loadOlder({ link, scroller, feed, placed }) {
  let loading = null;

  const fetchOlder = async () => {
    try {
      const before = new URL(link.href).searchParams.get("before");
      const answer = await fetch(`/room/${feed.dataset.room}/chat?before=${before}`, { signal: AbortSignal.timeout(PATIENCE) });
      if (!answer.ok) return false;
      const fragment = parse(await answer.text());
      const first = Number(fragment.firstElementChild?.dataset.no ?? 1);
      const fromEnd = scroller.scrollHeight - scroller.scrollTop;
      // A log that is read out tells what comes, not what was.
      quietly(feed, () => placed(placeAll(feed, fragment)));
      if (first > 1) link.href = link.href.replace(/before=\d+/, `before=${first}`);
      else link.remove();
      scroller.scrollTop = scroller.scrollHeight - fromEnd;
      // Looked at anew only after a success: a site that is away is not asked again and again.
      watch.unobserve(link);
      if (link.isConnected) watch.observe(link);
      return true;
    } catch {
      // The link stays, and works by itself.
      return false;
    }
  };

  /** Returns whether more chats were loaded. */
  const load = async () => {
    if (!link.isConnected) return false;
    loading ??= fetchOlder().finally(() => (loading = null));
    return loading;
  };

  const watch = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && load(), {
    root: scroller,
    rootMargin: "200px 0px 0px",
  });
  watch.observe(link);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    load();
  });
  return load;
}
