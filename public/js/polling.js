// Long polling, where sockets are blocked.

import { Backoff, sleep } from "./request.js";

const FIRST_PAUSE = 500;
/** How long the site may hold a poll, in seconds. */
const POLL_WAIT = 25;
const REQUEST_TIMEOUT = 10_000;

/** Polls until `isEnded`. `onResponse` takes an answer, and fails if the site is not available. */
export async function poll({ get, isEnded, onResponse, onLost, signal }) {
  const backoff = new Backoff(FIRST_PAUSE);
  while (!isEnded()) {
    try {
      await onResponse(await get(`&wait=${POLL_WAIT}`, POLL_WAIT * 1_000 + REQUEST_TIMEOUT));
      backoff.reset();
    } catch {
      if (signal.aborted) return;
      onLost();
      await sleep(backoff.next(), signal);
    }
  }
}
