// Places a box beside an element, within the window.

const MARGIN = 8;

const clamp = (position, size, room) => Math.max(MARGIN, Math.min(position, room - size - MARGIN));

/**
 * Returns where a box begins, in pixels: below its anchor, or above where there is no room below. Its left edges are in
 * line with the anchor's, with `isAtEnd` its right ones. Both are rectangles.
 */
export function placeBeside(anchor, { width, height }, { gap, isAtEnd = false }) {
  const isBelow = anchor.bottom + gap + height <= innerHeight - MARGIN;
  const top = isBelow ? anchor.bottom + gap : anchor.top - gap - height;
  const left = isAtEnd ? anchor.right - width : anchor.left;
  return { left: clamp(left, width, innerWidth), top: clamp(top, height, innerHeight) };
}
