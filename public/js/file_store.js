// The files of unsent messages. The browser keeps them over a reload; where it cannot, they last as long as the page.

const DATABASE = "files";
const STORE = "file";
/** A file that nobody has sent for so long is deleted. */
const MAX_AGE = 30 * 24 * 3_600_000;

const unstored = new Map();
let opening = null;

const answer = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const open = () =>
  (opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = request.onblocked = () => reject(request.error);
  }));

const run = async (mode, work) => {
  const database = await open();
  return answer(work(database.transaction(STORE, mode).objectStore(STORE)));
};

/** The key of file `n` of a message. Keys of one message follow each other. */
const keyOf = (nonce, n) => `${nonce} ${n}`;
const keysOf = (nonce) => IDBKeyRange.bound(`${nonce} `, `${nonce} ~`);

/** Keeps what is known about a file: `file`, and the `receipt` as soon as the server has the file. */
export async function keep(nonce, n, record) {
  const key = keyOf(nonce, n);
  unstored.set(key, record);
  try {
    await run("readwrite", (store) => store.put(record, key));
  } catch {
    // The browser is full, or stores nothing.
  }
}

/** Returns what is known about a file, or nothing. */
export async function recall(nonce, n) {
  const key = keyOf(nonce, n);
  return unstored.get(key) ?? (await run("readonly", (store) => store.get(key)).catch(() => null));
}

/** Returns what another tab may have written about a file meanwhile. */
export const stored = (nonce, n) => run("readonly", (store) => store.get(keyOf(nonce, n))).catch(() => null);

/** Deletes the files of a message, or one of them. */
export async function forget(nonce, n) {
  const isOne = (key) => (n ? key === keyOf(nonce, n) : key.startsWith(`${nonce} `));
  for (const key of [...unstored.keys()].filter(isOne)) unstored.delete(key);
  await run("readwrite", (store) => store.delete(n ? keyOf(nonce, n) : keysOf(nonce))).catch(() => {});
}

/** Deletes what has been left behind. */
export async function sweep() {
  const limit = Date.now() - MAX_AGE;
  try {
    for (const key of await run("readonly", (store) => store.getAllKeys())) {
      const record = await run("readonly", (store) => store.get(key));
      if (record?.at < limit) await run("readwrite", (store) => store.delete(key));
    }
  } catch {
    // The next page tries again.
  }
}
