// The parts of the page that choose, send and show files, and their texts. The site renders them in the reader's language.

import { request } from "./request.js";

const find = () => document.getElementById("attach-tools");

const load = async () => {
  const response = await request("/attachments");
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  document.body.append(document.adoptNode(page.getElementById("attach-tools")));
};

let loading = null;

/** Loads the parts once. After a failure the next call tries again. */
export function loadTools() {
  loading ??= load().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

/** Returns a new part. */
export const tool = (css) => find().content.querySelector(css).cloneNode(true);

export const textsOfTools = () => find().dataset;
