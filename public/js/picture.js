// Sends a picture with a preview and its progress. Without script the form does the same, and comes back.

const form = document.getElementById("picture");

const send = (ticketed, progress) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.timeout = 60_000;
    request.upload.onprogress = ({ loaded, total }) => (progress.value = total ? loaded / total : 0);
    request.onload = () => resolve(request);
    request.onerror = request.ontimeout = reject;
    request.send(ticketed);
  });

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
    try {
      // A server that stands still would keep the picture waiting: it is asked first.
      await fetch(form.dataset.health, { signal: AbortSignal.timeout(4_000), mode: "no-cors" });
      const { response } = await send(new FormData(form), progress);
      // The page puts what became of it in words.
      location.assign(`/user/me?picture=${response?.error?.code ?? "stored"}`);
    } catch {
      state.textContent = form.dataset.unavailable;
      progress.hidden = true;
      button.disabled = false;
    }
  });
}
