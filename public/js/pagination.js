// Loads older chats when the top of the log comes into view, and keeps the view where it is.

import { withoutAnnouncing } from "./announcements.js";
import { merge, parse } from "./merge.js";
import { request } from "./request.js";

/** Returns a function that loads the next older chats. `onLoaded` is called with the chats that were added. */
export function paginate({ link, scroller, feed, onLoaded }) {
  let loading = null;

  const fetchOlder = async () => {
    try {
      const before = new URL(link.href).searchParams.get("before");
      const response = await request(`/room/${feed.dataset.room}/chat?before=${before}`);
      if (!response.ok) return false;
      const fragment = parse(await response.text());
      const first = Number(fragment.firstElementChild?.dataset.no ?? 1);
      const fromEnd = scroller.scrollHeight - scroller.scrollTop;
      withoutAnnouncing(feed, () => onLoaded(merge(feed, fragment)));
      if (first > 1) link.href = link.href.replace(/before=\d+/, `before=${first}`);
      else link.remove();
      scroller.scrollTop = scroller.scrollHeight - fromEnd;
      // Observing the link again loads the next page. After a failure that would load in a loop.
      observer.unobserve(link);
      if (link.isConnected) observer.observe(link);
      return true;
    } catch {
      // The link stays and works by itself.
      return false;
    }
  };

  const load = async () => {
    if (!link.isConnected) return false;
    loading ??= fetchOlder().finally(() => (loading = null));
    return loading;
  };

  const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && load(), {
    root: scroller,
    rootMargin: "200px 0px 0px",
  });
  observer.observe(link);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    load();
  });
  return load;
}
