// Keeps screen readers from reading many chats one by one. `announcer.js` reads out their number instead.

/** The longest that a feed stays busy. Pages in the background draw no frames. */
const MAX_BUSY = 1_000;

let busy = 0;

const nextFrame = () =>
  new Promise((resolve) => {
    requestAnimationFrame(() => requestAnimationFrame(resolve));
    setTimeout(resolve, MAX_BUSY);
  });

/** Changes a live region without an announcement: the region is busy until the change is drawn. */
export function withoutAnnouncing(region, change) {
  busy++;
  region.ariaBusy = "true";
  try {
    return change();
  } finally {
    nextFrame().then(() => {
      if (--busy === 0) region.ariaBusy = null;
    });
  }
}
