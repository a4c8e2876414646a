// Has the browser keep a page, in the reader's language, for when the site cannot be reached.

const version = new URL(import.meta.url).pathname.split("/")[2];
const query = new URLSearchParams({ version, lang: document.documentElement.lang });

// The page about that, once there is a network again.
if (document.getElementById("offline")) addEventListener("online", () => location.reload());

// Browsers offer workers over TLS and on one's own machine only.
navigator.serviceWorker?.register(`/worker.js?${query}`).catch(() => {});
