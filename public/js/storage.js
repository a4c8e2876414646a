// Browser storage that may be full or forbidden: the answer is then null or false, never an exception.

class SafeStorage {
  #open;

  /** `open` returns the storage. A browser that forbids storage throws there. */
  constructor(open) {
    this.#open = open;
  }

  get(key) {
    try {
      return this.#open().getItem(key);
    } catch {
      return null;
    }
  }

  set(key, value) {
    try {
      this.#open().setItem(key, value);
      return true;
    } catch {
      return false;
    }
  }

  remove(key) {
    try {
      this.#open().removeItem(key);
      return true;
    } catch {
      return false;
    }
  }

  keys() {
    try {
      return Object.keys(this.#open());
    } catch {
      return [];
    }
  }

  getJson(key) {
    try {
      return JSON.parse(this.get(key));
    } catch {
      return null;
    }
  }

  setJson(key, value) {
    return this.set(key, JSON.stringify(value));
  }
}

export const local = new SafeStorage(() => localStorage);
export const session = new SafeStorage(() => sessionStorage);

export const NOTIFICATIONS = "notices";
export const SOUND = "sound";
export const SINGLE_KEYS_OFF = "no-keys";

const isOn = (key) => local.get(key) === "on";

export const hasNotifications = () => isOn(NOTIFICATIONS) || isOn(SOUND);
export const hasSingleKeys = () => !isOn(SINGLE_KEYS_OFF);
