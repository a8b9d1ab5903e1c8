import { make } from "../common/elements.js";
import { measured, minus } from "../common/numbers.js";

const hasTotal = (layer) => layer?.nats !== undefined;

/** Whether a word's nats are within two standard errors of zero. */
export const nearZero = (layer) => hasTotal(layer) && Math.abs(layer.nats) <= 2 * layer.stderr;

/** "counted 2.40": the nats of a word that the world counted; "" where it did not. */
export function countedText({ counted }) {
  if (counted === undefined) return "";
  return `counted ${typeof counted === "number" ? minus(counted.toFixed(2)) : counted}`;
}

/** A function of a word: its nats of every kind, each with a bar, all bars of one scale. */
export function totalsOf(chosen) {
  const { kinds, small } = chosen.state;
  const given = (kind, word) => ({ kind, layer: chosen.layer(word, kind), exact: exactOf(chosen, kind, word) });
  const shown = kinds.filter(({ name }) => !kinds.some((kind) => name === `exact ${kind.name}`));
  const rows = (word) => shown.map((kind) => given(kind, word)).filter(({ layer }) => hasTotal(layer));
  const every = chosen.item.words.flatMap(rows);
  const ends = ({ layer, exact }) => [layer.nats - layer.stderr, layer.nats + layer.stderr, mark(layer, exact)];
  const finite = every.flatMap(ends).filter(Number.isFinite);
  const [low, high] = [Math.min(0, ...finite), Math.max(0, ...finite)];
  const along = (nats) => (100 * (nats - low)) / (high - low || 1);
  const form = ({ layer }) => (small && Number.isFinite(layer.counted) ? counts : totalOf);
  const shownTotal = (row) => {
    const total = form(row)(row, along);
    if (low < 0) total.lastChild.prepend(barPart("zero", 0, 0, along)); // bars to the left of it are negative
    return total;
  };
  return (word) => rows(word).map(shownTotal);
}

function exactOf(chosen, { name }, word) {
  const kind = chosen.state.kinds.find((other) => other.name === `exact ${name}`);
  return kind && chosen.layer(word, kind);
}

/** Where the mark on a bar stands: at counted nats, else at those of the exact denoiser. */
const mark = ({ counted }, exact) => counted ?? exact?.nats;

/** The small form: what was counted. */
function counts({ layer }, along) {
  const track = make("span", { className: "track" }, barPart("fill", 0, layer.counted, along));
  return make("span", { className: "total" }, `${minus(layer.counted.toFixed(2))} nats`, track);
}

function totalOf({ kind, layer, exact }, along) {
  const { nats, stderr } = layer;
  const track = make("span", { className: "track" }, barPart("fill", 0, nats, along));
  track.append(barPart("error", nats - stderr, nats + stderr, along));
  const at = mark(layer, exact);
  if (Number.isFinite(at)) track.append(barPart("exact", at, at, along));
  const lines = [
    ...(nearZero(layer) ? [badge()] : []),
    ...(countedText(layer) ? [countedText(layer)] : hasTotal(exact) ? [exactText(exact)] : []),
  ].flatMap((line) => [make("br"), line]);
  return make("span", { className: "total" }, `${kind.name} ${measured(nats, stderr, 2)}`, ...lines, track);
}

const exactText = ({ nats, stderr }) => `exact denoiser ${measured(nats, stderr, 2)}`;

function badge() {
  const title = "These nats are within two standard errors of zero: the word may say nothing";
  return make("span", { className: "idc-badge", textContent: "within 2 s.e. of 0", title });
}

function barPart(className, from, to, along) {
  const part = make("span", { className });
  part.style.left = `${along(Math.min(from, to))}%`;
  part.style.width = `${Math.abs(along(to) - along(from))}%`;
  return part;
}
