// The viewer of the page's pictures: one after the other, larger and smaller.

import { loadTools, tool } from "./file_tools.js";
import { loadStyleSheet } from "./style_sheet.js";

const MAX_SCALE = 8;
const STEP = 1.5;
const DOUBLE = 2.5;
/** The longest side of a small picture. */
const SMALL = 320;
/** How far an arrow key moves a picture, in pixels. */
const PAN = 60;
/** How far a finger moves, in pixels, to turn the page or to close. */
const SWIPE = 60;

const PICTURES = "#feed [data-kind=picture] > a";

const distance = ([one, other]) => Math.hypot(one.x - other.x, one.y - other.y);
const middle = (points) => ({
  x: points.reduce((sum, { x }) => sum + x, 0) / points.length,
  y: points.reduce((sum, { y }) => sum + y, 0) / points.length,
});

class Viewer {
  #dialog = tool("#viewer");
  #stage = this.#dialog.querySelector(".viewer-stage");
  #image = this.#stage.querySelector("img");
  #links = [];
  #current = null;
  #scale = 1;
  #offset = { x: 0, y: 0 };
  /** The fingers on the picture, and where their gesture began. */
  #points = new Map();
  #start = null;
  #lastTap = 0;

  constructor() {
    document.body.append(this.#dialog);
    const onClick = (css, action) => this.#dialog.querySelector(css).addEventListener("click", action);
    onClick(".previous", () => this.#turn(-1));
    onClick(".next", () => this.#turn(1));
    onClick(".zoom-in", () => this.#zoom(STEP));
    onClick(".zoom-out", () => this.#zoom(1 / STEP));
    onClick(".close", () => this.#dialog.close());
    onClick(".download", (event) => this.#download(event));
    this.#dialog.addEventListener("keydown", (event) => this.#pressed(event));
    this.#dialog.addEventListener("close", () => this.#closed());
    this.#stage.addEventListener("pointerdown", (event) => this.#pointed(event));
    this.#stage.addEventListener("pointermove", (event) => this.#moved(event));
    const onRelease = (event) => this.#released(event);
    for (const type of ["pointerup", "pointercancel"]) this.#stage.addEventListener(type, onRelease);
    this.#stage.addEventListener("wheel", (event) => this.#wheeled(event), { passive: false });
    addEventListener("resize", () => this.#reset());
  }

  open(link) {
    this.#links = [...document.querySelectorAll(PICTURES)].filter((one) => one.checkVisibility());
    this.#dialog.showModal();
    this.#show(link);
  }

  /** Shows a picture: at once the small one of the page, then the large one. */
  async #show(link) {
    this.#current = link;
    this.#reset();
    const small = link.querySelector("img");
    const [place, count] = [this.#links.indexOf(link), this.#links.length];
    this.#dialog.querySelector(".viewer-count").textContent = count > 1 ? `${place + 1} / ${count}` : "";
    this.#dialog.querySelector(".previous").disabled = place <= 0;
    this.#dialog.querySelector(".next").disabled = place >= count - 1;
    this.#dialog.querySelector(".download").href = link.href;
    this.#caption(captionOf(link));
    const image = document.createElement("img");
    const [width, height] = ["width", "height"].map((name) => Number(small.getAttribute(name)) || SMALL);
    // The small picture takes the room of the large one, unless the picture has always been small.
    const largest = Math.max(width, height) < SMALL ? 1 : Infinity;
    const growth = Math.min(largest, this.#stage.clientWidth / width, this.#stage.clientHeight / height);
    Object.assign(image, { src: small.currentSrc || small.src, alt: small.alt, draggable: false });
    Object.assign(image, { width: Math.round(width * growth), height: Math.round(height * growth) });
    this.#image.replaceWith(image);
    this.#image = image;
    const large = Object.assign(new Image(), { src: link.href });
    try {
      await large.decode();
    } catch {
      if (this.#current === link) this.#caption(this.#dialog.dataset.failed, true);
      return;
    }
    if (this.#current !== link) return;
    image.src = large.src;
    const { naturalWidth, naturalHeight } = large;
    const fit = Math.min(1, this.#stage.clientWidth / naturalWidth, this.#stage.clientHeight / naturalHeight);
    Object.assign(image, { width: naturalWidth * fit, height: naturalHeight * fit });
  }

  #caption(text, isError = false) {
    const caption = this.#dialog.querySelector(".viewer-caption");
    caption.textContent = text;
    caption.classList.toggle("failed", isError);
  }

  #turn(step) {
    const next = this.#links[this.#links.indexOf(this.#current) + step];
    if (!next?.isConnected) return;
    const focused = document.activeElement;
    this.#show(next);
    // A button at the end of the row goes away.
    if (focused?.disabled) this.#dialog.querySelector(step > 0 ? ".previous" : ".next").focus();
  }

  #pressed(event) {
    const { key, ctrlKey, metaKey, altKey } = event;
    if (ctrlKey || metaKey || altKey) return;
    const pan = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
    const { x, y } = this.#offset;
    if (pan && this.#scale > 1) this.#place(this.#scale, { x: x + PAN * pan[0], y: y + PAN * pan[1] });
    else if (key === "ArrowLeft") this.#turn(-1);
    else if (key === "ArrowRight") this.#turn(1);
    else if (key === "+" || key === "=") this.#zoom(STEP);
    else if (key === "-") this.#zoom(1 / STEP);
    else if (key === "0") this.#reset();
    else if (key !== "Escape" && key !== "Tab" && key !== "Enter" && key !== " ") return;
    else return event.stopPropagation();
    event.preventDefault();
    event.stopPropagation();
  }

  #reset() {
    this.#place(1, { x: 0, y: 0 });
  }

  /** Zooms around a point of the window; without one, around the middle. */
  #zoom(factor, point) {
    const scale = Math.min(MAX_SCALE, Math.max(1, this.#scale * factor));
    const { left, top, width, height } = this.#stage.getBoundingClientRect();
    const from = point ? { x: point.x - left - width / 2, y: point.y - top - height / 2 } : { x: 0, y: 0 };
    const ratio = scale / this.#scale;
    this.#image.classList.add("settling");
    const { x, y } = this.#offset;
    this.#place(scale, { x: from.x - (from.x - x) * ratio, y: from.y - (from.y - y) * ratio });
  }

  /** Places the picture so that it never leaves the window. */
  #place(scale, { x, y }) {
    const reach = (size, room) => Math.max(0, (size * scale - room) / 2);
    const [wide, high] = [
      reach(this.#image.clientWidth, this.#stage.clientWidth),
      reach(this.#image.clientHeight, this.#stage.clientHeight),
    ];
    this.#scale = scale;
    this.#offset = { x: Math.min(wide, Math.max(-wide, x)), y: Math.min(high, Math.max(-high, y)) };
    const { style } = this.#image;
    style.transform = scale === 1 ? "" : `translate(${this.#offset.x}px, ${this.#offset.y}px) scale(${scale})`;
    this.#stage.classList.toggle("zoomed", scale > 1);
  }

  #pointed(event) {
    if (event.button) return;
    event.preventDefault();
    this.#stage.setPointerCapture(event.pointerId);
    this.#points.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.#begin(event.target);
  }

  /** A gesture begins again with each finger that comes or goes. */
  #begin(target) {
    const points = [...this.#points.values()];
    this.#image.classList.remove("settling");
    const span = points.length > 1 ? distance(points) : 0;
    const hasMoved = this.#start?.hasMoved ?? false;
    this.#start = { target, point: middle(points), span, scale: this.#scale, offset: this.#offset, hasMoved };
  }

  #moved(event) {
    if (!this.#points.has(event.pointerId)) return;
    this.#points.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const points = [...this.#points.values()];
    const { point, span, scale, offset } = this.#start;
    const now = middle(points);
    const [x, y] = [now.x - point.x, now.y - point.y];
    if (Math.hypot(x, y) > 8 || points.length > 1) this.#start.hasMoved = true;
    if (points.length > 1 && span) {
      const larger = Math.min(MAX_SCALE, Math.max(1, (scale * distance(points)) / span));
      this.#place(larger, { x: offset.x + x, y: offset.y + y });
    } else if (scale > 1) this.#place(scale, { x: offset.x + x, y: offset.y + y });
    else if (event.pointerType !== "mouse") this.#image.style.transform = `translate(${x}px, ${Math.max(0, y)}px)`;
  }

  #released(event) {
    if (!this.#points.has(event.pointerId)) return;
    const { point, scale, hasMoved, target } = this.#start;
    const isSwipe = this.#points.size === 1 && scale === 1 && event.pointerType !== "mouse";
    this.#points.delete(event.pointerId);
    const [x, y] = [event.clientX - point.x, event.clientY - point.y];
    if (this.#points.size) return this.#begin(target);
    this.#start = null;
    if (event.type === "pointercancel") return this.#reset();
    if (!hasMoved) return this.#tapped(event, target);
    if (!isSwipe) return;
    this.#image.classList.add("settling");
    this.#reset();
    if (Math.abs(x) > SWIPE && Math.abs(x) > Math.abs(y)) this.#turn(x > 0 ? -1 : 1);
    else if (y > SWIPE) this.#dialog.close();
  }

  /** A tap beside the picture closes; a second one on it zooms. */
  #tapped(event, target) {
    if (target !== this.#image) return this.#dialog.close();
    const isDouble = event.timeStamp - this.#lastTap < 300;
    this.#lastTap = isDouble ? 0 : event.timeStamp;
    if (!isDouble) return;
    if (this.#scale > 1) this.#zoom(0);
    else this.#zoom(DOUBLE, { x: event.clientX, y: event.clientY });
  }

  #wheeled(event) {
    event.preventDefault();
    this.#zoom(Math.exp(-event.deltaY / 300), { x: event.clientX, y: event.clientY });
  }

  /**
   * Saves the picture itself: a browser opens a link to another server instead of saving it. Its cache has the picture as
   * the page asked for it, which scripts may not read.
   */
  async #download(event) {
    event.preventDefault();
    const link = this.#current;
    const { href } = link;
    try {
      const response = await fetch(href, { cache: "no-store" });
      if (!response.ok) throw new Error(response.statusText);
      const picture = await response.blob();
      const address = URL.createObjectURL(picture);
      const name = nameOf(link, picture);
      Object.assign(document.createElement("a"), { href: address, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    } catch {
      window.open(href, "_blank", "noopener");
    }
  }

  #closed() {
    const link = this.#current;
    this.#current = null;
    this.#image.removeAttribute("src");
    this.#points.clear();
    (link?.isConnected ? link : document.getElementById("log"))?.focus({ preventScroll: true });
  }
}

/** Returns what its author says about a picture, and who the author is. */
function captionOf(link) {
  const chat = link.closest(".chat");
  const author = chat?.querySelector(".nickname")?.textContent;
  return [link.querySelector("img").alt, author].filter(Boolean).join(" · ");
}

/** Returns a name for a picture that the server has stored in a format of its own. */
function nameOf(link, { type }) {
  const name = (link.dataset.name ?? link.querySelector("img").alt).replace(/\.[a-z0-9]+$/i, "");
  return `${name || "picture"}.${type.split("/")[1].replace("jpeg", "jpg")}`;
}

let viewer = null;

export async function view(link) {
  await Promise.all([loadStyleSheet("viewer"), loadTools()]);
  viewer ??= new Viewer();
  viewer.open(link);
}
