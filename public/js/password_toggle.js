// A switch beside each password that shows what was typed. Without script the password stays hidden.

export function passwordToggles() {
  for (const field of document.querySelectorAll("[data-show]")) {
    const input = field.querySelector("input");
    const toggle = Object.assign(document.createElement("input"), { type: "checkbox", autocomplete: "off" });
    const label = Object.assign(document.createElement("label"), { className: "show-password" });
    label.append(toggle, ` ${field.dataset.show}`);
    toggle.addEventListener("change", () => (input.type = toggle.checked ? "text" : "password"));
    // Browsers and password managers store hidden passwords only.
    input.form.addEventListener("submit", () => (input.type = "password"));
    input.after(label);
  }
}
