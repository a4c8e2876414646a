// Shows the offline page when the site cannot be reached. Keeps that page and its style sheets, and nothing else.

const PAGE = "/offline";
const CACHE = `offline${new URL(location.href).search}`;

/** Caches the page and the style sheets that it links to. */
const cachePage = async () => {
  const page = await fetch(PAGE, { cache: "no-store" });
  if (!page.ok) throw new Error(`${PAGE}: ${page.status}`);
  const html = await page.clone().text();
  const sheets = [...html.matchAll(/<link rel="stylesheet" href="([^"]+)"/g)].map(([, address]) => address);
  const cache = await caches.open(CACHE);
  await Promise.all([cache.put(PAGE, page), cache.addAll(sheets)]);
};

const deleteOtherCaches = async () => {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
};

const cached = async (address) => {
  const cache = await caches.open(CACHE);
  return (await cache.match(address, { ignoreVary: true })) ?? Response.error();
};

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(cachePage());
});

self.addEventListener("activate", (event) => {
  event.waitUntil(deleteOtherCaches().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  // A form must fail: its text then stays in the page that sent it.
  const isPage = request.mode === "navigate" && request.destination === "document" && request.method === "GET";
  if (!isPage && request.destination !== "style") return;
  event.respondWith(fetch(request).catch(() => cached(isPage ? PAGE : request.url)));
});
