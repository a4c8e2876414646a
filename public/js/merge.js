// The page's one rule: put each chat where its id says, replace it if its `rev` is older, else insert it by `seq`.
// A fragment that arrives twice or out of order changes nothing.

const number = (article, name) => Number(article.dataset[name]);

/** Inserts an article into the feed, or replaces an older one. Returns whether the feed changed. */
export function upsert(feed, article) {
  const present = feed.querySelector(`#${CSS.escape(article.id)}`);
  if (present) {
    const isNewer = number(present, "rev") < number(article, "rev");
    if (isNewer) replace(present, article);
    return isNewer;
  }
  let before = feed.lastElementChild;
  while (before && number(before, "seq") > number(article, "seq")) before = before.previousElementSibling;
  if (before) before.after(article);
  else feed.prepend(article);
  return true;
}

/** Replaces an element, and moves the focus to the same link in the new one. */
export function replace(old, element) {
  const focused = old.contains(document.activeElement) && document.activeElement;
  old.replaceWith(element);
  if (focused?.href) element.querySelector(`a[href="${CSS.escape(focused.getAttribute("href"))}"]`)?.focus();
}

/** Returns the element of a fragment or a frame. */
export function parse(html) {
  return new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
}

/** Merges all chats of a fragment into the feed. Returns those that changed it. */
export function merge(feed, fragment) {
  return [...fragment.children].map((article) => document.adoptNode(article)).filter((article) => upsert(feed, article));
}
