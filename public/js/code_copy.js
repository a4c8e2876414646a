// Adds a copy button to blocks of code, and lets the keyboard scroll those that are wider than their place.

import { copyText } from "./clipboard.js";

/** How long a button says that the code was copied. */
const DONE_TIME = 2_000;

const texts = (element) => element.closest("[data-copy]").dataset;

/** Only what scrolls is a stop of the Tab key. */
const watcher = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const scrolls = target.scrollWidth > target.clientWidth;
    if (scrolls === (target.tabIndex === 0)) continue;
    if (scrolls) Object.assign(target, { tabIndex: 0, role: "group", ariaLabel: texts(target).code });
    else for (const name of ["tabindex", "role", "aria-label"]) target.removeAttribute(name);
  }
});

const onClick = async ({ target }) => {
  const button = target.closest?.(".code > button");
  if (!button || !(await copyText(button.parentElement.querySelector("code").textContent))) return;
  button.textContent = texts(button).copied;
  button.classList.add("is-done");
  setTimeout(() => {
    button.textContent = texts(button).copy;
    button.classList.remove("is-done");
  }, DONE_TIME);
};

export function addButtons(blocks) {
  document.addEventListener("click", onClick);
  for (const block of blocks) {
    if (!block.isConnected || block.querySelector("button")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = texts(block).copy;
    button.ariaLive = "polite";
    block.append(button);
    watcher.observe(block.querySelector("pre"));
  }
}
