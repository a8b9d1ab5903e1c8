import { make } from "../common/elements.js";
import { minus } from "../common/numbers.js";

export const many = (count) => count.toLocaleString("en");
const strong = (text) => make("b", { textContent: text });

/** Nats as they stand under a word. */
export function natsText(nats) {
  if (nats === undefined) return "not asked";
  if (nats === 0) return "nothing";
  return Number.isFinite(nats) ? `${nats.toFixed(2)} nats` : "−∞";
}

/** What counting says of the chosen word, as parts of a paragraph. */
export function sentence({ words, word, alone, many: all }) {
  if (!word) return ["Under each word stand its nats, by counting. Click one to see where in the picture they are."];
  const { count, fitting, nats, text } = words.find(({ key }) => key === word);
  const rest = words.filter(({ key }) => key !== word);
  const [of, also] =
    alone || !rest.length
      ? [`Of all ${many(all)} emoji`, `, ${many(fitting)} ${fitting === 1 ? "says" : "say"} `]
      : [`${many(count)} emoji ${be(count)} “${blank(words, word)}”`, `; ${saying(count, fitting)} `];
  if (nats === undefined) return [`${of}. This one is not among them, so the word cannot be asked about it.`];
  if (nats === -Infinity)
    return [of, also, strong(text), ", but not this one: by counting the word is infinitely wrong, −∞ nats."];
  if (nats === 0) return [of, also, strong(text), ". It follows from the other words: it adds nothing."];
  const ratio = fitting === 1 ? many(count) : `(${many(count)}/${many(fitting)})`;
  return [of, also, strong(text), `: ln ${ratio} = `, strong(`${nats.toFixed(2)} nats`), "."];
}

const be = (count) => (count === 1 ? "is" : "are");
const blank = (words, word) => words.map(({ key, text }) => (key === word ? "…" : text)).join(" ");

function saying(count, fitting) {
  if (fitting < count) return `${many(fitting)} of them also ${fitting === 1 ? "says" : "say"}`;
  return count === 1 ? "it also says" : "all of them also say";
}

/** What denoising says so far. */
export function soFar(latest, truth) {
  if (!latest) return ["…"];
  const { nats, stderr, sum } = latest;
  const same = Math.abs(sum - nats) < 1e-3;
  const about = same ? "the map sums to the same" : `the map sums to ${sum.toFixed(3)}`;
  const total = `${minus(nats.toFixed(3))}`;
  return [strong(total), ` ± ${(2 * stderr).toFixed(3)} nats (2 s.e.), counted ${truth.toFixed(3)}; ${about}.`];
}
