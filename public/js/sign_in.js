// The sign-in page: focus for devices with a keyboard, and switches that show passwords.

import { passwordToggles } from "./password_toggle.js";

const focusFirst = (form) => {
  if (!matchMedia("(hover: none) and (pointer: coarse)").matches) form?.querySelector("input:not([type=hidden])").focus();
};

passwordToggles();
// A field with an error has the focus already.
const target = location.hash && document.querySelector(".auth-form:target");
if (target || !document.querySelector("[autofocus]")) focusFirst(target || document.querySelector(".auth-form.first"));
addEventListener("hashchange", () => focusFirst(document.querySelector(".auth-form:target")));
