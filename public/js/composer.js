// The composer: what is typed goes to the outbox, and what is not sent yet outlives a reload and a new sign-in.

const TYPING = 3_000;

/** `send` takes the words; `types` is called now and then while they are typed. `key` is what they are kept under. */
export function compose(form, { key, send, types }) {
  const { text } = form.elements;
  const faults = form.querySelector("#composer-faults");
  let typed = 0;

  const keep = () => {
    try {
      if (text.value) sessionStorage.setItem(key, text.value);
      else sessionStorage.removeItem(key);
    } catch {
      // Forbidden: it lasts as long as the page.
    }
  };

  const submit = () => {
    if (!text.value.trim()) return;
    faults.replaceChildren();
    send(text.value);
    text.value = "";
    keep();
    text.focus();
  };

  try {
    text.value ||= sessionStorage.getItem(key) ?? "";
  } catch {
    // Forbidden: the field is empty.
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  text.addEventListener("keydown", (event) => {
    // While a syllable is composed Enter belongs to the input method; Safari says so by key code only.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    submit();
  });
  text.addEventListener("input", () => {
    keep();
    if (Date.now() - typed < TYPING) return;
    typed = Date.now();
    types();
  });

  return {
    /** Takes words back that were refused, unless others are typed already. Answers whether it did. */
    takeBack(words, why) {
      if (text.value) return false;
      text.value = words;
      keep();
      const fault = document.createElement("p");
      fault.className = "fault";
      fault.dataset.errorFor = "text";
      fault.textContent = why;
      faults.replaceChildren(fault);
      return true;
    },
  };
}
