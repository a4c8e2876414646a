// Uploads a picture with a preview and a progress bar. Without script the form does the same and comes back.

import { transfer } from "./transfer.js";

const form = document.getElementById("picture");

if (form) {
  const status = form.querySelector("#picture-state");
  const progress = form.querySelector("#picture-progress");
  const preview = document.querySelector(".avatar-row .picture");

  form.elements.picture.addEventListener("change", ({ target }) => {
    const [file] = target.files;
    if (file) preview.src = URL.createObjectURL(file);
    status.textContent = file?.name ?? "";
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    progress.hidden = false;
    status.textContent = form.dataset.sending;
    const stop = (message) => {
      status.textContent = message;
      progress.hidden = true;
      button.disabled = false;
    };
    try {
      const onProgress = (part) => (progress.value = part);
      const response = await transfer(form.action, new FormData(form), { health: form.dataset.health, onProgress });
      const { status: code } = response;
      const { error } = await response.json().catch(() => ({}));
      // An error with a hint is not about the picture: the account page has no text for it.
      if (code !== 201 && error?.hint) return stop(`${error.message} ${error.hint}`);
      location.assign(`/user/me?picture=${code === 201 ? "stored" : (error?.code ?? "unavailable")}`);
    } catch {
      stop(form.dataset.unavailable);
    }
  });
}
