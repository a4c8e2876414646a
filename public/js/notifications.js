// Notifications and sounds for new chats while the page is hidden. Both are off until the user turns them on.

import { NOTIFICATIONS, SOUND, local } from "./storage.js";

const SOUND_INTERVAL = 3_000;
/** The longest text of a notification, in UTF-16 units. */
const MAX_TEXT = 200;

const isOn = (key) => local.get(key) === "on";
const store = (key, on) => local.set(key, on ? "on" : "off");

/** Shortens a text to whole characters as people see them. */
export const truncate = (text, limit) => {
  if (text.length <= limit) return text;
  const graphemes = new Intl.Segmenter(document.documentElement.lang).segment(text);
  // The grapheme at the limit is left out.
  return `${text.slice(0, graphemes.containing(limit - 1).index)}…`;
};

let audio = null;
/** When a sound was last played, by a clock that cannot be set. */
let lastSound = -Infinity;

const playSound = () => {
  if (performance.now() - lastSound < SOUND_INTERVAL) return;
  try {
    audio ??= new AudioContext();
    if (audio.state !== "running") return void audio.resume();
    lastSound = performance.now();
    const tone = audio.createOscillator();
    const loudness = audio.createGain();
    tone.frequency.value = 660;
    loudness.gain.setValueAtTime(0.08, audio.currentTime);
    loudness.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.4);
    tone.connect(loudness).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + 0.4);
  } catch {
    // The browser plays no sound.
  }
};

/** Returns a function that notifies the user of a chat. `form` has the two switches. */
export function notifications({ form, room }) {
  const { notifications: popups, sound } = form.elements;
  popups.checked = isOn(NOTIFICATIONS) && globalThis.Notification?.permission === "granted";
  popups.disabled = !globalThis.Notification;
  sound.checked = isOn(SOUND);
  const blocked = form.querySelector("[data-blocked]");
  popups.addEventListener("change", async () => {
    blocked.hidden = true;
    if (popups.checked) {
      const permission = await Notification.requestPermission();
      popups.checked = permission === "granted";
      // A page cannot ask again: only the browser's settings help.
      blocked.hidden = permission !== "denied";
    }
    store(NOTIFICATIONS, popups.checked);
  });
  sound.addEventListener("change", () => {
    store(SOUND, sound.checked);
    if (sound.checked) playSound();
  });

  return (chat) => {
    if (!document.hidden) return;
    if (sound.checked) playSound();
    if (!popups.checked) return;
    const text = chat.querySelector(".text").textContent || chat.querySelector(".files")?.dataset.summary;
    const body = `${chat.querySelector(".nickname").textContent}: ${text}`;
    // One notification a room. Some browsers allow notifications only to service workers.
    try {
      new Notification(room, { body: truncate(body, MAX_TEXT), tag: location.pathname }).onclick = () => focus();
    } catch {
      popups.checked = false;
      store(NOTIFICATIONS, false);
    }
  };
}
