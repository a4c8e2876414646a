// The connection to a room: a WebSocket from the page's cursor, opened again after every break. Where sockets are
// blocked the page polls, and tries a socket from time to time.

import { Backoff, sleep } from "./backoff.js";
import { request } from "./request.js";

const FIRST_PAUSE = 500;
/** How long a socket may take to open, and how long it must stay open to count as stable. */
const OPEN_TIMEOUT = 10_000;
const STABLE_AFTER = 5_000;
/** How many sockets in a row may be refused before the page polls. */
const MAX_REFUSALS = 2;
/** How long the site may hold a poll, in seconds. */
const POLL_WAIT = 25;
const REQUEST_TIMEOUT = 10_000;
/** How long an open socket may be silent. The site sends a heartbeat every 25 s. */
const MAX_SILENCE = 55_000;
/** The same when the user comes back to the page: one missing heartbeat is enough. */
const MAX_SILENCE_ON_RETURN = 30_000;
const CHECK_INTERVAL = 5_000;
/** A longer gap between two checks means that the machine slept. */
const MAX_CHECK_GAP = 30_000;
/** How long a socket may take to deliver an entry that the site has acknowledged. */
const DELIVERY_TIME = 2_000;

const STATUS_OF_CLOSE = { 4401: 401, 4404: 404, 4409: 409 };

/** Reads two clocks: one stands still while the machine sleeps, the other may be set. */
const now = () => ({ clock: Date.now(), run: performance.now() });

const elapsedSince = (then) => {
  const { clock, run } = now();
  return Math.max(clock - then.clock, run - then.run);
};

export class RoomConnection {
  #room;
  #cursor;
  #onMessage;
  #onState;
  #keepsPage;
  #socket = null;
  #polling = null;
  #backoff = new Backoff(FIRST_PAUSE);
  #refusals = 0;
  #reconnectTimer = 0;
  #stabilityTimer = 0;
  #isClosed = false;
  #lastMessage = now();
  #lastCheck = now();

  /**
   * `onState` is called with "connected", "reconnecting", "offline" or "deleted". The page of a deleted room is left
   * unless `keepsPage` returns true.
   */
  constructor({ room, cursor, onMessage, onState, keepsPage }) {
    this.#room = room;
    this.#cursor = cursor;
    this.#onMessage = onMessage;
    this.#onState = onState;
    this.#keepsPage = keepsPage;
    // A socket from before may be half dead. A new one costs little and loses nothing.
    addEventListener("online", () => this.#connect());
    addEventListener("offline", () => this.#onState("offline"));
    addEventListener("pagehide", () => this.#socket?.close());
    addEventListener("pageshow", (event) => event.persisted && this.#reconnect());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      this.#lastCheck = now();
      this.#reconnect();
      this.#checkSilence(MAX_SILENCE_ON_RETURN);
    });
    setInterval(() => this.#check(), CHECK_INTERVAL);
    this.#connect();
  }

  /** Moves the cursor: the page shows all entries up to `upto`. */
  advance(upto) {
    this.#cursor = Math.max(this.#cursor, upto);
  }

  sendTyping() {
    if (this.#isOpen) this.#socket.send("typing");
  }

  /** Waits for entry `rev`, which the site has acknowledged. Fetches it if the socket does not deliver it. */
  async awaitEntry(rev) {
    const socket = this.#socket;
    const lastMessage = this.#lastMessage;
    if (this.#isOpen) await sleep(DELIVERY_TIME);
    if (this.#cursor >= rev) return;
    const hasLeft = await this.#fetchMissed();
    // An open socket that delivered nothing meanwhile is probably dead.
    if (!hasLeft && socket && socket === this.#socket && lastMessage === this.#lastMessage) this.#connect();
  }

  get #isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Replaces a socket that is open but dead: its close event may never arrive. */
  #check() {
    const gap = elapsedSince(this.#lastCheck);
    this.#lastCheck = now();
    // Browsers slow the timers of background pages down, so a gap there is no sign of sleep.
    if (gap > MAX_CHECK_GAP && !document.hidden && this.#isOpen) return this.#connect();
    this.#checkSilence(MAX_SILENCE);
  }

  #checkSilence(limit) {
    if (!this.#isOpen || elapsedSince(this.#lastMessage) < limit) return;
    this.#disconnected();
    this.#connect();
  }

  #connect() {
    clearTimeout(this.#reconnectTimer);
    clearTimeout(this.#stabilityTimer);
    if (this.#isClosed) return;
    const url = new URL(`/room/${this.#room}/live?since=${this.#cursor}`, location.href);
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
      this.#onState("connected");
      clearTimeout(this.#stabilityTimer);
      // Some proxies open a socket and cut it at once: polling goes on until the socket is stable.
      this.#stabilityTimer = setTimeout(() => this.#stable(), STABLE_AFTER);
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      this.#lastMessage = now();
      this.#onMessage(data);
    };
    socket.onclose = ({ code }) => socket === this.#socket && this.#closed(code, wasOpen);
  }

  #stable() {
    this.#backoff.reset();
    this.#refusals = 0;
    this.#polling?.abort();
    this.#polling = null;
  }

  async #closed(code, wasOpen) {
    this.#socket = null;
    clearTimeout(this.#stabilityTimer);
    if (this.#navigateOnError(STATUS_OF_CLOSE[code])) return;
    if (!this.#polling) {
      this.#disconnected();
      // A browser hides why an upgrade was refused. A plain request shows the status.
      if (!wasOpen && (await this.#fetchMissed())) return;
      // An event may have opened a socket during the request.
      if (this.#socket || this.#isClosed) return;
    }
    if (++this.#refusals >= MAX_REFUSALS) this.#poll();
    clearTimeout(this.#reconnectTimer);
    this.#reconnectTimer = setTimeout(() => this.#connect(), this.#backoff.next());
  }

  async #poll() {
    if (this.#polling) return;
    const polling = (this.#polling = new AbortController());
    const backoff = new Backoff(FIRST_PAUSE);
    while (!polling.signal.aborted && !this.#isClosed) {
      try {
        const timeout = POLL_WAIT * 1_000 + REQUEST_TIMEOUT;
        const response = await this.#get(`&wait=${POLL_WAIT}`, timeout, polling.signal);
        if (this.#navigateOnError(response.status)) return;
        if (!response.ok) throw new Error(response.status);
        if (response.status === 200) this.#onMessage(await response.text());
        backoff.reset();
        this.#onState("connected");
      } catch {
        if (polling.signal.aborted) break;
        this.#disconnected();
        await sleep(backoff.next(), polling.signal);
      }
    }
    if (this.#polling === polling) this.#polling = null;
  }

  #reconnect() {
    if (!this.#socket) this.#connect();
  }

  /** Fetches what the page has missed. Returns whether the page is being left. */
  async #fetchMissed() {
    try {
      const response = await this.#get("", REQUEST_TIMEOUT);
      if (response.ok) this.#onMessage(await response.text());
      return this.#navigateOnError(response.status);
    } catch {
      return false;
    }
  }

  #get(query, timeout, signal) {
    return request(`/room/${this.#room}/chat?since=${this.#cursor}${query}`, { timeout, signal });
  }

  #disconnected() {
    this.#onState(navigator.onLine ? "reconnecting" : "offline");
  }

  /** Leaves the page when its reader is signed out, the room is deleted, or the cursor is wrong. */
  #navigateOnError(status) {
    const page = location.pathname + location.search;
    const next = { 401: `/user?next=${encodeURIComponent(page)}`, 404: `/room?deleted=${this.#room}`, 409: page }[status];
    if (!next) return false;
    this.#isClosed = true;
    if (status === 404 && this.#keepsPage()) this.#onState("deleted");
    else if (next === page) location.reload();
    else location.assign(next);
    return true;
  }
}
