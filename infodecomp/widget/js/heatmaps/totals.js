import { make } from "../common/elements.js";
import { measured } from "../common/numbers.js";

const hasTotal = (layer) => layer?.nats !== undefined;
const totalText = ({ nats, stderr }) => measured(nats, stderr, 2);

/** A function of a word's number: its nats of every kind, each with a bar, all bars of one scale. */
export function totalsOf(kinds) {
  const layers = Object.values(kinds).flatMap((kind) => kind.layers.filter(hasTotal));
  const low = layers.reduce((least, { nats, stderr }) => Math.min(least, nats - stderr), 0);
  const high = layers.reduce((most, { nats, stderr }) => Math.max(most, nats + stderr), 0);
  const along = (nats) => (100 * (nats - low)) / (high - low || 1);
  const shown = Object.values(kinds).filter(({ name }) => !name.startsWith("exact "));
  return (word) =>
    shown
      .filter((kind) => hasTotal(kind.layers[word]))
      .map(({ name, layers }) => totalOf(name, layers[word], kinds[`exact ${name}`]?.layers[word], along));
}

function totalOf(name, layer, exact, along) {
  const { nats, stderr } = layer;
  const track = make("span", { className: "track" }, barPart("fill", 0, nats, along));
  track.append(barPart("error", nats - stderr, nats + stderr, along));
  const truth = [];
  if (hasTotal(exact)) {
    track.append(barPart("exact", exact.nats, exact.nats, along));
    truth.push(make("br"), `exact ${totalText(exact)}`);
  }
  return make("span", { className: "total" }, `${name} ${totalText(layer)}`, ...truth, track);
}

function barPart(className, from, to, along) {
  const part = make("span", { className });
  part.style.left = `${along(Math.min(from, to))}%`;
  part.style.width = `${Math.abs(along(to) - along(from))}%`;
  return part;
}
