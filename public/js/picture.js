// Sends a picture with a preview and its progress. Without script the form does the same, and comes back.

const form = document.getElementById("picture");

/** How often the server is asked whether it is there while it works, and how long it may take to say so. */
const PULSE = 1_500;
const PATIENCE = 3_000;

const isThere = () => fetch(form.dataset.health, { signal: AbortSignal.timeout(PATIENCE), mode: "no-cors" });

/** Sends the form; fails as soon as the server stands still. */
const send = async (progress) => {
  await isThere();
  const request = new XMLHttpRequest();
  const answered = new Promise((resolve, reject) => {
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => (progress.value = total ? loaded / total : 0);
    request.onload = () => resolve(request);
    request.onerror = request.onabort = reject;
    request.send(new FormData(form));
  });
  const pulse = setInterval(() => isThere().catch(() => request.abort()), PULSE);
  return answered.finally(() => clearInterval(pulse));
};

if (form) {
  const state = form.querySelector("#picture-state");
  const progress = form.querySelector("#picture-progress");
  const picture = document.querySelector(".face .picture");

  form.elements.picture.addEventListener("change", ({ target }) => {
    const [file] = target.files;
    if (file) picture.src = URL.createObjectURL(file);
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    progress.hidden = false;
    state.textContent = form.dataset.sending;
    const stop = (message) => {
      state.textContent = message;
      progress.hidden = true;
      button.disabled = false;
    };
    try {
      const { status, response } = await send(progress);
      const error = response?.error;
      // An error with a hint is not about the picture, and the account page has no text for its code.
      if (status !== 201 && error?.hint) return stop(`${error.message} ${error.hint}`);
      // The account page has a text for each of these codes.
      const code = status === 201 ? "stored" : (error?.code ?? "unavailable");
      location.assign(`/user/me?picture=${code}`);
    } catch {
      stop(form.dataset.unavailable);
    }
  });
}
