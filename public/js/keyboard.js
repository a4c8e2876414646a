// What the keys of this device do.

/** Returns whether the device has a touch screen and no mouse: its keyboard has no other key for a new line. */
export const isTouch = () => matchMedia("(hover: none) and (pointer: coarse)").matches;

/**
 * Returns whether a key sends: Enter, on touch screens only with Ctrl or ⌘. While a syllable is composed Enter belongs to
 * the input method. Safari ends the composition before the key event: there only key code 229 tells.
 */
export const isSendKey = ({ key, shiftKey, ctrlKey, metaKey, isComposing, keyCode }) =>
  key === "Enter" && !shiftKey && !isComposing && keyCode !== 229 && (ctrlKey || metaKey || !isTouch());
