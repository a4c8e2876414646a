// The page's one rule: put each chat where its id says; replace it if it is there with a smaller rev,
// else insert it by seq. Receiving a thing twice, or in another order, is harmless.

const number = (article, name) => Number(article.dataset[name]);

/** Places one article in the feed. Answers whether anything changed. */
export function place(feed, article) {
  const there = feed.querySelector(`#${CSS.escape(article.id)}`);
  if (there) {
    const newer = number(there, "rev") < number(article, "rev");
    if (newer) replace(there, article);
    return newer;
  }
  let before = feed.lastElementChild;
  while (before && number(before, "seq") > number(article, "seq")) before = before.previousElementSibling;
  if (before) before.after(article);
  else feed.prepend(article);
  return true;
}

/** Puts an element in another one's place, and the focus where it was. */
export function replace(old, element) {
  const focused = old.contains(document.activeElement) && document.activeElement;
  old.replaceWith(element);
  if (focused?.href) element.querySelector(`a[href="${CSS.escape(focused.getAttribute("href"))}"]`)?.focus();
}

/** The element that a fragment is. */
export function parse(html) {
  return new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
}

/** Places all chats of a fragment. Answers those that changed the page. */
export function placeAll(feed, fragment) {
  return [...fragment.children].map((article) => document.adoptNode(article)).filter((article) => place(feed, article));
}
