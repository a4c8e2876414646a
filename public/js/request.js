// Requests with a time-out.

const TIMEOUT = 15_000;

/** Fetches an address as `fetch` does. `json` asks for JSON. */
export function request(address, { timeout = TIMEOUT, signal, json = false, ...options } = {}) {
  const signals = [AbortSignal.timeout(timeout), signal].filter(Boolean);
  const headers = json ? { Accept: "application/json" } : {};
  return fetch(address, { headers, ...options, signal: AbortSignal.any(signals) });
}
