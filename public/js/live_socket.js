// A WebSocket that is opened again after every break, and replaced when it is open but dead.

import { Backoff } from "./request.js";

/** The close code for a user who is signed out. */
export const SIGNED_OUT = 4401;

const FIRST_PAUSE = 500;
/** How long a socket may take to open, and how long it must stay open to count as stable. */
const OPEN_TIMEOUT = 10_000;
const STABLE_AFTER = 5_000;
/** How long an open socket may be silent. The site sends a heartbeat every 25 s. */
const MAX_SILENCE = 55_000;
/** The same when the user comes back to the page: one missing heartbeat is enough. */
const MAX_SILENCE_ON_RETURN = 30_000;
const CHECK_INTERVAL = 5_000;
/** A longer gap between two checks means that the machine slept. */
const MAX_CHECK_GAP = 30_000;

/** Reads two clocks: one stands still while the machine sleeps, the other may be set. */
const now = () => ({ clock: Date.now(), run: performance.now() });

const elapsedSince = (then) => {
  const { clock, run } = now();
  return Math.max(clock - then.clock, run - then.run);
};

export class LiveSocket {
  #address;
  #on;
  #socket = null;
  #backoff = new Backoff(FIRST_PAUSE);
  #reconnectTimer = 0;
  #stabilityTimer = 0;
  #isEnded = false;
  #lastMessage = now();
  #lastCheck = now();

  /**
   * `address` returns the path of the next socket. `on` has the events `opened`, `stable`, `message(text)`, `lost` for a
   * socket that is given up, `offline`, and `closed(code, wasOpen)`, whose handler calls `retry` to open a new one.
   */
  constructor(address, on) {
    this.#address = address;
    this.#on = on;
    // A socket from before may be half dead. A new one costs little and loses nothing.
    addEventListener("online", () => this.connect());
    addEventListener("offline", () => on.offline?.());
    addEventListener("pagehide", () => this.#socket?.close());
    addEventListener("pageshow", (event) => event.persisted && this.#reconnect());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      this.#lastCheck = now();
      this.#reconnect();
      this.#checkSilence(MAX_SILENCE_ON_RETURN);
    });
    setInterval(() => this.#check(), CHECK_INTERVAL);
  }

  /** The socket that is open or being opened. */
  get current() {
    return this.#socket;
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Changes with every message. */
  get lastMessage() {
    return this.#lastMessage;
  }

  get isEnded() {
    return this.#isEnded;
  }

  send(text) {
    if (this.isOpen) this.#socket.send(text);
  }

  /** Opens a socket in place of the last one. */
  connect() {
    clearTimeout(this.#reconnectTimer);
    clearTimeout(this.#stabilityTimer);
    if (this.#isEnded) return;
    const url = new URL(this.#address(), location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const old = this.#socket;
    const socket = (this.#socket = new WebSocket(url));
    old?.close();
    let wasOpen = false;
    // Some proxies neither open a socket nor refuse it.
    this.#stabilityTimer = setTimeout(() => socket.close(), OPEN_TIMEOUT);
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      wasOpen = true;
      this.#lastMessage = now();
      this.#on.opened?.();
      clearTimeout(this.#stabilityTimer);
      // Some proxies open a socket and cut it at once.
      this.#stabilityTimer = setTimeout(() => this.#stable(), STABLE_AFTER);
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      this.#lastMessage = now();
      this.#on.message(data);
    };
    socket.onclose = ({ code }) => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      clearTimeout(this.#stabilityTimer);
      this.#on.closed(code, wasOpen);
    };
  }

  /** Opens a socket after a pause. */
  retry() {
    clearTimeout(this.#reconnectTimer);
    this.#reconnectTimer = setTimeout(() => this.connect(), this.#backoff.next());
  }

  /** Opens no further socket. */
  end() {
    this.#isEnded = true;
    clearTimeout(this.#reconnectTimer);
  }

  #stable() {
    this.#backoff.reset();
    this.#on.stable?.();
  }

  /** Replaces a socket that is open but dead: its close event may never arrive. */
  #check() {
    const gap = elapsedSince(this.#lastCheck);
    this.#lastCheck = now();
    // Browsers slow the timers of background pages down, so a gap there is no sign of sleep.
    if (gap > MAX_CHECK_GAP && !document.hidden && this.isOpen) return this.connect();
    this.#checkSilence(MAX_SILENCE);
  }

  #checkSilence(limit) {
    if (!this.isOpen || elapsedSince(this.#lastMessage) < limit) return;
    this.#on.lost?.();
    this.connect();
  }

  #reconnect() {
    if (!this.#socket) this.connect();
  }
}
