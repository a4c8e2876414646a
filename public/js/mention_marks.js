// Marks the mentions of the reader: in chats that are on the page and in those that arrive later.

const user = CSS.escape(document.body.dataset.currentUser);
const own = `:is([data-user="${user}"], [data-users~="${user}"], [data-user="all"])`;
const sheet = new CSSStyleSheet();
sheet.replaceSync(`.chat .text .mention${own} { color: var(--notice); background: var(--notice-soft); }`);
document.adoptedStyleSheets.push(sheet);
