// Registers the service worker, which keeps an offline page in the reader's language.

const version = new URL(import.meta.url).pathname.split("/")[2];
const query = new URLSearchParams({ version, lang: document.documentElement.lang });

// This is the offline page, and the network is back.
if (document.getElementById("offline")) addEventListener("online", () => location.reload());

// Browsers offer service workers over HTTPS and on localhost only. The path is part of installed workers: it stays.
navigator.serviceWorker?.register(`/worker.js?${query}`).catch(() => {});
