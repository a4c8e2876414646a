// Uploads a picture with a preview and a progress bar. Without script the form does the same and comes back.

import { request } from "./request.js";

const form = document.getElementById("picture");

/** How often the image server is checked during an upload, and how long its answer may take. */
const CHECK_INTERVAL = 1_500;
const CHECK_TIMEOUT = 3_000;

const checkServer = () => request(form.dataset.health, { timeout: CHECK_TIMEOUT, mode: "no-cors" });

/** Sends the form. Fails as soon as the image server stops answering. */
const upload = async (progress) => {
  await checkServer();
  // `fetch` reports no progress of an upload.
  const transfer = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    transfer.open("POST", form.action);
    transfer.setRequestHeader("Accept", "application/json");
    transfer.responseType = "json";
    transfer.upload.onprogress = ({ loaded, total }) => (progress.value = total ? loaded / total : 0);
    transfer.onload = () => resolve(transfer);
    transfer.onerror = transfer.onabort = reject;
    transfer.send(new FormData(form));
  });
  const checks = setInterval(() => checkServer().catch(() => transfer.abort()), CHECK_INTERVAL);
  return done.finally(() => clearInterval(checks));
};

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
      const { status: code, response } = await upload(progress);
      const error = response?.error;
      // An error with a hint is not about the picture: the account page has no text for it.
      if (code !== 201 && error?.hint) return stop(`${error.message} ${error.hint}`);
      location.assign(`/user/me?picture=${code === 201 ? "stored" : (error?.code ?? "unavailable")}`);
    } catch {
      stop(form.dataset.unavailable);
    }
  });
}
