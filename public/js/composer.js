// Sends the composer's form without leaving the page. The nonce stays with the words until they stand:
// sent twice, they are said once.

const TYPING = 3_000;
/** How long an answer may take: what has no answer yet is sent again with the same nonce. */
const PATIENCE = 15_000;

const newNonce = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

/** `sent` is called when words stand, `types` now and then while they are typed. */
export function compose(form, { sent, types }) {
  const { text, nonce } = form.elements;
  const faults = form.querySelector("#composer-faults");
  let typed = 0;
  let sending = false;

  const complain = (message) => {
    const fault = document.createElement("p");
    fault.className = "fault";
    fault.dataset.errorFor = "text";
    fault.textContent = message;
    faults.replaceChildren(fault);
  };

  const send = async () => {
    if (sending || !text.value.trim()) return;
    sending = true;
    const said = text.value;
    try {
      const body = new URLSearchParams(new FormData(form));
      const signal = AbortSignal.timeout(PATIENCE);
      const headers = { Accept: "application/json" };
      const answer = await fetch(form.action, { method: "POST", body, headers, signal });
      const json = await answer.json();
      if (answer.ok) {
        faults.replaceChildren();
        nonce.value = newNonce();
        // What was typed meanwhile stays.
        text.value = text.value.startsWith(said) ? text.value.slice(said.length) : text.value;
        sent();
      } else if (answer.status === 401) {
        complain(form.dataset.signedOut);
      } else {
        if (json.error.fields.nonce) nonce.value = newNonce();
        complain(Object.values(json.error.fields)[0] ?? json.error.message);
      }
    } catch {
      complain(form.dataset.failed);
    } finally {
      sending = false;
      text.focus();
    }
  };

  // A page that comes back from the browser's memory has a nonce that was used.
  if (!text.value) nonce.value = newNonce();

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  text.addEventListener("keydown", (event) => {
    // While a syllable is composed Enter belongs to the input method; Safari says so by key code only.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    send();
  });
  text.addEventListener("input", () => {
    if (Date.now() - typed < TYPING) return;
    typed = Date.now();
    types();
  });
}
