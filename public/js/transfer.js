// Sends a form to the file server and reports the progress.

import { request } from "./request.js";

/** How often the server is checked during a transfer, and how long its answer may take. */
const CHECK_INTERVAL = 1_500;
const CHECK_TIMEOUT = 3_000;

/** Sends `body` to `address`. Fails as soon as the server stops answering at `health`. */
export async function transfer(address, body, { health, onProgress, signal }) {
  const checkServer = () => request(health, { timeout: CHECK_TIMEOUT, signal, mode: "no-cors" });
  await checkServer();
  // `fetch` reports no progress of an upload.
  const http = new XMLHttpRequest();
  const abort = () => http.abort();
  signal?.addEventListener("abort", abort);
  const done = new Promise((resolve, reject) => {
    http.open("POST", address);
    http.setRequestHeader("Accept", "application/json");
    http.upload.onprogress = ({ loaded, total }) => onProgress?.(total ? loaded / total : 0);
    http.onload = () => resolve(new Response(http.responseText, { status: http.status }));
    http.onerror = http.onabort = () => reject(new Error("The transfer has failed."));
    http.send(body);
  });
  const checks = setInterval(() => checkServer().catch(abort), CHECK_INTERVAL);
  return done.finally(() => {
    clearInterval(checks);
    signal?.removeEventListener("abort", abort);
  });
}
