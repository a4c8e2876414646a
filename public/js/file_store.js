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

/** The keys of a message, of one of its files, and of that file's receipt follow each other. */
const keyOf = (nonce, n) => `${nonce} ${n}`;
const receiptKeyOf = (nonce, n) => `${nonce} ${n} receipt`;

const write = async (key, content) => {
  const record = { ...content, at: Date.now() };
  unstored.set(key, record);
  // The browser may be full, or store nothing.
  await run("readwrite", (store) => store.put(record, key)).catch(() => {});
};

const read = async (key) => (await run("readonly", (store) => store.get(key)).catch(() => null)) ?? unstored.get(key);

/** Keeps file `n` of a message. */
export const keep = (nonce, n, file) => write(keyOf(nonce, n), { file });

/** Keeps what proves that the server has the file. */
export const keepReceipt = (nonce, n, receipt) => write(receiptKeyOf(nonce, n), { receipt });

/** Returns the file that this or another tab keeps, if there is one. */
export const fileOf = async (nonce, n) => (await read(keyOf(nonce, n)))?.file ?? null;

/** Returns the file's receipt of this or another tab, if it is younger than `maxAge`. */
export async function receiptOf(nonce, n, maxAge) {
  const { receipt, at } = (await read(receiptKeyOf(nonce, n))) ?? {};
  return receipt && Date.now() - at < maxAge ? receipt : null;
}

/** Deletes the files of a message, or one of them. */
export async function forget(nonce, n = "") {
  const [first, last] = [n ? keyOf(nonce, n) : `${nonce} `, `${n ? keyOf(nonce, n) : nonce} ~`];
  for (const key of [...unstored.keys()].filter((one) => one >= first && one <= last)) unstored.delete(key);
  await run("readwrite", (store) => store.delete(IDBKeyRange.bound(first, last))).catch(() => {});
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
