const INSIDE = String.raw`\p{L}\p{M}\p{N}\p{So}\p{Sc}&#*%+@`;
const EDGES = new RegExp(`^[^${INSIDE}]+|[^${INSIDE}]+$`, "gu");

/** The words of a text as they are counted: without marks around them and without case. */
export function keysOf(text) {
  return text
    .split(/\s+/)
    .map(keyOf)
    .filter(Boolean);
}

export function keyOf(word) {
  const found = word.normalize("NFC").replace(EDGES, "").toLowerCase().replaceAll("ß", "ss").replaceAll("’", "'");
  return found.includes("(") && !found.includes(")") ? `${found})` : found;
}

/** How many letters must change for one word to be the other; no more than `most` are counted. */
export function distance(a, b, most = Infinity) {
  if (Math.abs(a.length - b.length) >= most) return most;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return Math.min(most, row[b.length]);
}
