// Fits a room's page into the part of the window that an on-screen keyboard leaves. WebKit does not resize the page for
// its keyboard: only the visual viewport tells.

/** Below this height, in pixels, bars are compact. */
const LOW = 320;

export function fitViewport() {
  const { style, classList } = document.documentElement;
  const view = globalThis.visualViewport;

  const fit = () => {
    // Someone who zooms in by pinching sees a part of the page that stays as it is.
    const isZoomed = (view?.scale ?? 1) > 1.01;
    const whole = document.documentElement.clientHeight;
    const height = isZoomed || !view ? whole : view.height;
    const isCovered = whole - height > 1;
    if (isCovered) {
      style.setProperty("--viewport-height", `${height}px`);
      style.setProperty("--viewport-top", `${view.offsetTop}px`);
    } else {
      style.removeProperty("--viewport-height");
      style.removeProperty("--viewport-top");
    }
    classList.toggle("low", height < LOW);
  };

  view?.addEventListener("resize", fit);
  view?.addEventListener("scroll", fit);
  addEventListener("resize", fit);
  fit();
}
