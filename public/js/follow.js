// Follows a room: a WebSocket from the page's cursor, again after every break, however much was missed. Where no socket
// can be opened the page asks and waits instead, and tries a socket now and then.

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;
/** How long a connection may take to open, and has to hold before the next break is the first one again. */
const OPENING = 10_000;
const STEADY = 5_000;
/** How many sockets in a row may be refused before the page asks instead. */
const REFUSALS = 2;
/** How long one question waits for news at the site, in seconds. */
const WAIT = 25;
/** How long any answer may take on its way, besides. */
const PATIENCE = 10_000;
/** How long an open socket may be silent. The site sends a beat every 25 s, which may be late. */
const SILENCE = 55_000;
/** The same when someone comes back to the page: one beat is missing. */
const SHORT_SILENCE = 30_000;
/** How often that is checked, and after what gap between two checks the machine must have slept. */
const CHECK = 5_000;
const SLEPT = 30_000;
/** How long a socket may take to bring what the site has already answered by HTTP. */
const GRACE = 2_000;

/** A pause that ends early when it is given up. */
const sleep = (pause, given) =>
  new Promise((resolve) => {
    setTimeout(resolve, pause);
    given.addEventListener("abort", resolve);
  });

/** Returns the present. One of the two clocks stands still while the machine sleeps, the other may be set. */
const present = () => ({ clock: Date.now(), run: performance.now() });

const sinceThen = (then) => {
  const now = present();
  return Math.max(now.clock - then.clock, now.run - then.run);
};

export class Follower {
  #room;
  #cursor;
  #hear;
  #tell;
  #stays;
  #socket = null;
  #polling = null;
  #failures = 0;
  #refusals = 0;
  #timer = 0;
  #steady = 0;
  #over = false;
  /** When the socket brought something, and when that was last checked. */
  #heard = present();
  #checked = present();

  /**
   * `hear` is given each message; `tell` the state: "connected", "reconnecting", "offline", or "gone" for a room that is
   * no more. The page is then left, unless it `stays` for something that its person should see.
   */
  constructor({ room, cursor, hear, tell, stays }) {
    this.#room = room;
    this.#cursor = cursor;
    this.#hear = hear;
    this.#tell = tell;
    this.#stays = stays;
    // What was open may be half dead after that: a new connection costs little and loses nothing.
    addEventListener("online", () => this.#connect());
    addEventListener("offline", () => this.#tell("offline"));
    addEventListener("pagehide", () => this.#socket?.close());
    addEventListener("pageshow", (event) => event.persisted && this.#now());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      this.#checked = present();
      this.#now();
      this.#checkSilence(SHORT_SILENCE);
    });
    setInterval(() => this.#check(), CHECK);
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

  /** Gets entry `rev`, which the site has acknowledged: by HTTP if the socket does not bring it. */
  async look(rev) {
    const socket = this.#socket;
    const heard = this.#heard;
    if (socket?.readyState === WebSocket.OPEN) await new Promise((resolve) => setTimeout(resolve, GRACE));
    if (this.#cursor >= rev) return;
    const leaves = await this.#ask();
    // An open socket that brought nothing at all meanwhile is probably dead.
    if (!leaves && socket && socket === this.#socket && heard === this.#heard) this.#connect();
  }

  /** Replaces a socket that is open but dead. A connection may break without an end that arrives here. */
  #check() {
    const gap = sinceThen(this.#checked);
    this.#checked = present();
    // Pages in the background are checked less often, and not because the machine slept.
    if (gap > SLEPT && !document.hidden && this.#socket?.readyState === WebSocket.OPEN) return this.#connect();
    this.#checkSilence(SILENCE);
  }

  #checkSilence(longest) {
    if (this.#socket?.readyState !== WebSocket.OPEN || sinceThen(this.#heard) < longest) return;
    this.#lost();
    this.#connect();
  }

  #connect() {
    clearTimeout(this.#timer);
    clearTimeout(this.#steady);
    if (this.#over) return;
    const url = new URL(`/room/${this.#room}/live?since=${this.#cursor}`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const old = this.#socket;
    const socket = (this.#socket = new WebSocket(url));
    old?.close();
    let opened = false;
    // Some proxies neither grant a socket nor refuse it.
    this.#steady = setTimeout(() => socket.close(), OPENING);
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      opened = true;
      this.#heard = present();
      this.#tell("connected");
      clearTimeout(this.#steady);
      // And some grant it and cut it: until it has held for a while the page goes on asking.
      this.#steady = setTimeout(() => {
        this.#failures = this.#refusals = 0;
        this.#polling?.abort();
        this.#polling = null;
      }, STEADY);
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      this.#heard = present();
      this.#hear(data);
    };
    socket.onclose = ({ code }) => socket === this.#socket && this.#closed(code, opened);
  }

  async #closed(code, opened) {
    this.#socket = null;
    clearTimeout(this.#steady);
    if (this.#leaves({ 4401: 401, 4404: 404, 4409: 409 }[code])) return;
    if (!this.#polling) {
      this.#lost();
      // A browser does not say why an upgrade was refused: a plain question does.
      if (!opened && (await this.#ask())) return;
      // Meanwhile the page may have come back to life by itself.
      if (this.#socket || this.#over) return;
    }
    if (++this.#refusals >= REFUSALS) this.#poll();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), this.#pause());
  }

  /** Follows by asking until a socket opens. */
  async #poll() {
    if (this.#polling) return;
    const polling = (this.#polling = new AbortController());
    for (let failures = 0; !polling.signal.aborted && !this.#over; ) {
      try {
        const answer = await this.#get(`&wait=${WAIT}`, WAIT * 1_000 + PATIENCE, polling.signal);
        if (this.#leaves(answer.status)) return;
        if (!answer.ok) throw new Error(answer.status);
        if (answer.status === 200) this.#hear(await answer.text());
        failures = 0;
        this.#tell("connected");
      } catch {
        if (polling.signal.aborted) break;
        this.#lost();
        await sleep(Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures++), polling.signal);
      }
    }
    if (this.#polling === polling) this.#polling = null;
  }

  #now() {
    if (!this.#socket) this.#connect();
  }

  /** Asks once what came since; answers whether the page is left. */
  async #ask() {
    try {
      const answer = await this.#get("", PATIENCE);
      if (answer.ok) this.#hear(await answer.text());
      return this.#leaves(answer.status);
    } catch {
      return false;
    }
  }

  #get(how, patience, given) {
    const signals = [AbortSignal.timeout(patience), given].filter(Boolean);
    return fetch(`/room/${this.#room}/chat?since=${this.#cursor}${how}`, { signal: AbortSignal.any(signals) });
  }

  #lost() {
    this.#tell(navigator.onLine ? "reconnecting" : "offline");
  }

  /** How long until the next try: longer each time, and never at the same moment as everybody else's. */
  #pause() {
    return Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#failures++) * (0.5 + Math.random() / 2);
  }

  /** Where the page goes when it cannot follow any more. */
  #leaves(status) {
    const here = location.pathname + location.search;
    const next = { 401: `/user?next=${encodeURIComponent(here)}`, 404: "/room#gone", 409: here }[status];
    if (!next) return false;
    this.#over = true;
    if (status === 404 && this.#stays()) this.#tell("gone");
    else if (next === here) location.reload();
    else location.assign(next);
    return true;
  }
}
