// The connection to a room: a WebSocket from the page's cursor, opened again after every break. Where sockets are
// blocked the page polls, and tries a socket from time to time.

import { LiveSocket, SIGNED_OUT } from "./live_socket.js";
import { request, sleep } from "./request.js";

/** How many sockets in a row may be refused before the page polls. */
const MAX_REFUSALS = 2;
const REQUEST_TIMEOUT = 10_000;
/** How long a socket may take to deliver an entry that the site has acknowledged. */
const DELIVERY_TIME = 2_000;

const STATUS_OF_CLOSE = { [SIGNED_OUT]: 401, 4404: 404, 4409: 409 };

export class RoomConnection {
  #room;
  #cursor;
  #onMessage;
  #onState;
  #keepsPage;
  #live;
  #polling = null;
  #refusals = 0;

  /**
   * `onState` is called with "connected", "reconnecting", "offline", "deleted" or "signedOut". In the last two states
   * the page is left unless `keepsPage`, called with the state, returns true. `listCursor` returns the cursor of the
   * page's list of rooms.
   */
  constructor({ room, cursor, listCursor, onMessage, onState, keepsPage }) {
    this.#room = room;
    this.#cursor = cursor;
    this.#onMessage = onMessage;
    this.#onState = onState;
    this.#keepsPage = keepsPage;
    const address = () => `/room/${room}/live?since=${this.#cursor}&list=${listCursor()}`;
    this.#live = new LiveSocket(address, {
      opened: () => onState("connected"),
      stable: () => this.#stable(),
      message: onMessage,
      lost: () => this.#disconnected(),
      offline: () => onState("offline"),
      closed: (code, wasOpen) => this.#closed(code, wasOpen),
    });
    this.#live.connect();
  }

  /** Moves the cursor: the page shows all entries up to `upto`. */
  advance(upto) {
    this.#cursor = Math.max(this.#cursor, upto);
  }

  sendTyping() {
    this.#live.send("typing");
  }

  /** Waits for entry `rev`, which the site has acknowledged. Fetches it if the socket does not deliver it. */
  async awaitEntry(rev) {
    const { current, lastMessage } = this.#live;
    if (this.#live.isOpen) await sleep(DELIVERY_TIME);
    if (this.#cursor >= rev) return;
    const hasLeft = await this.#fetchMissed();
    // An open socket that delivered nothing meanwhile is probably dead.
    const isDead = current && current === this.#live.current && lastMessage === this.#live.lastMessage;
    if (!hasLeft && isDead) this.#live.connect();
  }

  #stable() {
    this.#refusals = 0;
    this.#polling?.abort();
    this.#polling = null;
  }

  async #closed(code, wasOpen) {
    if (this.#navigateOnError(STATUS_OF_CLOSE[code])) return;
    // Polling goes on until a socket is stable.
    if (!this.#polling) {
      this.#disconnected();
      // A browser hides why an upgrade was refused. A plain request shows the status.
      if (!wasOpen && (await this.#fetchMissed())) return;
      // An event may have opened a socket during the request.
      if (this.#live.current || this.#live.isEnded) return;
    }
    if (++this.#refusals >= MAX_REFUSALS) this.#poll();
    this.#live.retry();
  }

  async #poll() {
    if (this.#polling) return;
    const polling = (this.#polling = new AbortController());
    const { poll } = await import("./polling.js").catch(() => ({}));
    await poll?.({
      get: (query, timeout) => this.#get(query, timeout, polling.signal),
      isEnded: () => polling.signal.aborted || this.#live.isEnded,
      onResponse: (response) => this.#answered(response),
      onLost: () => this.#disconnected(),
      signal: polling.signal,
    });
    if (this.#polling === polling) this.#polling = null;
  }

  /** Takes the answer to a poll. */
  async #answered(response) {
    if (this.#navigateOnError(response.status)) return;
    if (!response.ok) throw new Error(response.status);
    if (response.status === 200) this.#onMessage(await response.text());
    this.#onState("connected");
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
    this.#live.end();
    const state = { 401: "signedOut", 404: "deleted" }[status];
    if (state && this.#keepsPage(state)) this.#onState(state);
    else if (next === page) location.reload();
    else location.assign(next);
    return true;
  }
}
