// Rows of files in the composer and in the outbox: a small picture, a name, a size.

import { textsOfTools, tool } from "./file_tools.js";

/** Types that every browser shows and the file server compresses. */
const PICTURES = ["image/jpeg", "image/png", "image/gif", "image/webp"];
const UNITS = ["B", "KB", "MB", "GB"];

export const isPicture = ({ type }) => PICTURES.includes(type);

/** Returns a size in words, as "1.2 MB". */
export function sizeInWords(bytes) {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const number = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: power > 1 ? 1 : 0 });
  return `${number.format(bytes / 1024 ** power)} ${UNITS[power]}`;
}

/** Shows a picture in its row. Returns a function that frees it. */
export function showPicture(row, file) {
  const address = URL.createObjectURL(file);
  const picture = Object.assign(document.createElement("img"), { src: address, alt: "" });
  const free = () => URL.revokeObjectURL(address);
  // The browser knows a format that it cannot show only when it tries.
  picture.addEventListener("error", () => picture.remove());
  row.querySelector(".thumb").append(picture);
  return free;
}

/** Creates a row. */
export function createRow({ name, size }) {
  const row = tool(".file-row");
  row.querySelector(".file-name").textContent = name;
  row.querySelector(".file-size").textContent = sizeInWords(size);
  const remove = row.querySelector(".remove");
  remove.title = remove.ariaLabel = textsOfTools().remove.replace("#", () => name);
  return row;
}
