// Sends the browser's time zone with a sign-in, for the list of the account's devices.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

for (const form of document.querySelectorAll('form:is([action="/session"], [action="/user"])')) {
  form.addEventListener("formdata", ({ formData }) => formData.set("zone", zone ?? ""));
}
