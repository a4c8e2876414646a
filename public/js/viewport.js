// Fits a room's page above an on-screen keyboard. WebKit does not resize the page for its keyboard: only the visual
// viewport shrinks.

const LOW_HEIGHT = 320;

export function fitViewport() {
  const { style, classList } = document.documentElement;
  const view = globalThis.visualViewport;

  const fit = () => {
    // A user who pinches to zoom sees a part of an unchanged page.
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
    classList.toggle("low", height < LOW_HEIGHT);
  };

  view?.addEventListener("resize", fit);
  view?.addEventListener("scroll", fit);
  addEventListener("resize", fit);
  fit();
}
