// Loads style sheets that a page needs only when it is used.

const loaded = new Map();

const append = (name) => {
  const href = new URL(`../css/${name}.css`, import.meta.url).pathname;
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
  document.head.append(link);
  return new Promise((resolve, reject) => Object.assign(link, { onload: resolve, onerror: reject })).catch((error) => {
    link.remove();
    loaded.delete(name);
    throw error;
  });
};

/** Waits until a sheet of `public/css` applies. Loads it once; after a failure the next call tries again. */
export function loadStyleSheet(name) {
  if (!loaded.has(name)) loaded.set(name, append(name));
  return loaded.get(name);
}
