// Answers with a page that says so where the site cannot be reached. Nothing else is kept or answered here, but for the
// sheets of that page.

const PAGE = "/offline";
/** By version and language: another one is another worker, which keeps the page anew. */
const NAME = `offline${new URL(location.href).search}`;

/** Keeps the page and the sheets that it names. */
const keep = async () => {
  const page = await fetch(PAGE, { cache: "no-store" });
  if (!page.ok) throw new Error(`${PAGE}: ${page.status}`);
  const html = await page.clone().text();
  const sheets = [...html.matchAll(/<link rel="stylesheet" href="([^"]+)"/g)].map(([, address]) => address);
  const cache = await caches.open(NAME);
  await Promise.all([cache.put(PAGE, page), cache.addAll(sheets)]);
};

const forgetOthers = async () => {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== NAME).map((name) => caches.delete(name)));
};

const kept = async (address) => {
  const cache = await caches.open(NAME);
  return (await cache.match(address, { ignoreVary: true })) ?? Response.error();
};

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(keep());
});

self.addEventListener("activate", (event) => {
  event.waitUntil(forgetOthers().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  // Forms are left alone: what was typed stays in the page that sent it.
  const isPage = request.mode === "navigate" && request.destination === "document" && request.method === "GET";
  if (!isPage && request.destination !== "style") return;
  event.respondWith(fetch(request).catch(() => kept(isPage ? PAGE : request.url)));
});
