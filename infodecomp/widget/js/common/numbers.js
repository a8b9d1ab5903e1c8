/** The bytes of a text in base 64, padded or not. */
export function bytes(base64) {
  const text = atob(base64.padEnd(Math.ceil(base64.length / 4) * 4, "="));
  const found = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) found[i] = text.charCodeAt(i); // of megabytes too
  return found;
}

/** A number's text with a true minus, and none before zero. */
export const minus = (text) => text.replace(/^-(?=[0.]*$)/, "").replace("-", "−");

/** A number with as many digits as its error leaves meaning to. */
export function number(value, error) {
  const digits = error > 0 ? Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(error)))) : 3;
  return minus(value.toFixed(digits));
}

/** "value ± error"; the value alone if the error is undefined. */
export function measured(value, error, digits) {
  const text = (v) => (digits === undefined ? number(v, error) : minus(v.toFixed(digits)));
  return error === undefined ? text(value) : `${text(value)} ± ${text(error)}`;
}
