// Follows a room: a WebSocket from the page's cursor, again after every break, however much was missed.

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;

export class Follower {
  #room;
  #cursor;
  #hear;
  #tell;
  #socket = null;
  #failures = 0;
  #timer = 0;
  #over = false;

  /**
   * `hear` is given each message; `tell` the state: "connected", "reconnecting" or "offline".
   */
  constructor({ room, cursor, hear, tell }) {
    this.#room = room;
    this.#cursor = cursor;
    this.#hear = hear;
    this.#tell = tell;
    // What was open may be half dead after that: a new connection costs little and loses nothing.
    addEventListener("online", () => this.#anew());
    addEventListener("offline", () => this.#tell("offline"));
    addEventListener("pagehide", () => this.#socket?.close());
    addEventListener("pageshow", (event) => event.persisted && this.#now());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#now());
    this.#connect();
  }

  /** Moves the cursor on: all up to here is on the page. */
  seen(upto) {
    this.#cursor = Math.max(this.#cursor, upto);
  }

  /** Says that its person types, when there is a connection. */
  type() {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send("typing");
  }

  /** Asks for what is new by now, where the socket does not bring it. */
  async look() {
    if (this.#socket?.readyState !== WebSocket.OPEN) await this.#ask();
  }

  #connect() {
    clearTimeout(this.#timer);
    if (this.#over) return;
    const url = new URL(`/room/${this.#room}/live?since=${this.#cursor}`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = (this.#socket = new WebSocket(url));
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.#failures = 0;
      this.#tell("connected");
    };
    socket.onmessage = ({ data }) => this.#hear(data);
    socket.onclose = ({ code }) => socket === this.#socket && this.#closed(code, opened);
  }

  async #closed(code, opened) {
    this.#socket = null;
    if (this.#leaves({ 4401: 401, 4404: 404, 4409: 409 }[code])) return;
    this.#tell(navigator.onLine ? "reconnecting" : "offline");
    // A browser does not say why an upgrade was refused: a plain question does.
    if (!opened && (await this.#ask())) return;
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#failures++);
    this.#timer = setTimeout(() => this.#connect(), pause * (0.5 + Math.random() / 2));
  }

  #anew() {
    const old = this.#socket;
    this.#connect();
    old?.close();
  }

  #now() {
    if (!this.#socket) this.#connect();
  }

  /** Asks once what came since; answers whether the page is left. */
  async #ask() {
    try {
      const answer = await fetch(`/room/${this.#room}/chat?since=${this.#cursor}`);
      if (answer.ok) this.#hear(await answer.text());
      return this.#leaves(answer.status);
    } catch {
      return false;
    }
  }

  /** Where the page goes when it cannot follow any more. */
  #leaves(status) {
    const here = location.pathname + location.search;
    const next = { 401: `/user?next=${encodeURIComponent(here)}`, 404: "/room", 409: here }[status];
    if (!next) return false;
    this.#over = true;
    if (next === here) location.reload();
    else location.assign(next);
    return true;
  }
}
