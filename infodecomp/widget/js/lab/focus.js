/** Draws what an element holds anew; where the control with the focus goes, the focus goes to its `heir`. */
export function keepFocus(element, redraw, heir) {
  const focus = element.contains(document.activeElement) ? document.activeElement : null;
  redraw();
  if (focus && !element.contains(focus)) heir(focus)?.focus();
}
