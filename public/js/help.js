// The list of keys, and what this browser shall do when something is said while nobody looks: nothing, until asked.

/** The least between two sounds. */
const QUIET = 3_000;
/** The longest text of a notice, in UTF-16 units. */
const NOTICE = 200;

const kept = (key) => {
  try {
    return localStorage.getItem(key) === "on";
  } catch {
    return false;
  }
};

const keep = (key, on) => {
  try {
    localStorage.setItem(key, on ? "on" : "off");
  } catch {
    // Forbidden: it lasts as long as the page.
  }
};

/** Returns the first whole characters, as people see them, of a text. */
export const cut = (text, most) => {
  if (text.length <= most) return text;
  const graphemes = new Intl.Segmenter(document.documentElement.lang).segment(text);
  // The grapheme in which the limit lies is left out.
  return `${text.slice(0, graphemes.containing(most - 1).index)}…`;
};

let audio = null;
/** By a clock that nobody sets. */
let rung = -Infinity;

/** Rings now and then, where the browser lets it. */
const ring = () => {
  if (performance.now() - rung < QUIET) return;
  try {
    audio ??= new AudioContext();
    if (audio.state !== "running") return void audio.resume();
    rung = performance.now();
    const tone = audio.createOscillator();
    const loudness = audio.createGain();
    tone.frequency.value = 660;
    loudness.gain.setValueAtTime(0.08, audio.currentTime);
    loudness.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.4);
    tone.connect(loudness).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + 0.4);
  } catch {
    // No sound here.
  }
};

/** Answers a function that tells of a chat. */
export function help({ dialog, button, room }) {
  const { notices, sound, keys } = dialog.querySelector("form").elements;
  button.hidden = false;
  button.addEventListener("click", () => dialog.showModal());
  notices.checked = kept("notices") && globalThis.Notification?.permission === "granted";
  sound.checked = kept("sound");
  keys.checked = !kept("no-keys");
  notices.disabled = !globalThis.Notification;
  notices.addEventListener("change", async () => {
    if (notices.checked) notices.checked = (await Notification.requestPermission()) === "granted";
    keep("notices", notices.checked);
  });
  sound.addEventListener("change", () => {
    keep("sound", sound.checked);
    if (sound.checked) ring();
  });
  keys.addEventListener("change", () => keep("no-keys", !keys.checked));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "?" || !keys.checked || dialog.open || event.target.closest("input, textarea, select")) return;
    event.preventDefault();
    dialog.showModal();
  });

  return (chat) => {
    if (!document.hidden) return;
    if (sound.checked) ring();
    if (!notices.checked) return;
    const body = `${chat.querySelector(".nickname").textContent}: ${chat.querySelector(".text").textContent}`;
    // One a room at a time. Some browsers let only workers do it.
    try {
      new Notification(room, { body: cut(body, NOTICE), tag: location.pathname }).onclick = () => focus();
    } catch {
      notices.checked = false;
      keep("notices", false);
    }
  };
}
