// Whether things may move.

export const moves = () => !matchMedia("(prefers-reduced-motion: reduce)").matches;
