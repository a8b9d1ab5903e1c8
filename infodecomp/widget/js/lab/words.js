import { make } from "../common/elements.js";
import { measured } from "../common/numbers.js";
import { radio } from "./controls.js";
import { exactNats } from "./painting.js";

const WAYS = ["MI", "CMI"]; // a word alone, and after the rest

/** The legend of a text's words, and a radio button for each with room for its nats. */
export function wordLabels(lab) {
  const { engine, state } = lab;
  const kind = state.kind === "standard" ? "iˢ" : "i°";
  const legend = make("legend", { textContent: `Words, in nats (${kind} alone, and after the rest; | exact)` });
  const labels = engine.units(state.text).map(([, , text], i) => {
    const totals = WAYS.map(() => make("span", { className: "total" }));
    const content = make("span", {}, make("bdi", { textContent: text }), ...totals);
    const label = radio(lab, "word", i, content, () => lab.change({ word: i }));
    label.classList.add("word");
    label.querySelector("input").checked = i === state.word;
    return label;
  });
  return [legend, ...labels];
}

/** Fills the rooms: estimate, exact nats and a bar, all bars of one scale. */
export function showBars({ state, estimate }, words) {
  const totals = estimate[state.kind];
  const shown = estimate.names.flatMap((name, q) => (/^C?MI/.test(name) ? [totals[q][0], estimate.exact[q]] : []));
  const reach = Math.max(1e-9, ...shown.filter(Number.isFinite));
  [...words.querySelectorAll(".word")].forEach((label, i) => {
    const rooms = label.querySelectorAll(".total");
    WAYS.forEach((way, k) => {
      const q = estimate.names.indexOf(`${way} ${i}`);
      rooms[k].replaceChildren(...(q < 0 ? [`${way} –`] : total(way, estimate, totals[q], estimate.exact[q], reach)));
    });
  });
}

function total(way, { samples }, [value, error], exact, reach) {
  const known = samples > 0;
  const bar = make("span", { className: "track" });
  if (known) bar.append(mark("fill", 0, value, reach), mark("error", value - error, value + error, reach));
  if (exact >= 0) bar.append(mark("exact", exact, exact, reach));
  const estimated = known ? measured(value, error, 2) : "…";
  return [`${way} ${estimated} | ${Number.isNaN(exact) ? "–" : exactNats(exact)}`, bar];
}

/** A piece of a bar from one number of nats to another; bars end at one and a half of their scale. */
function mark(className, from, to, reach) {
  const piece = make("span", { className });
  const place = (nats) => (100 * Math.min(Math.max(0, nats), 1.5 * reach)) / reach;
  piece.style.left = `${place(from)}%`;
  piece.style.width = `${place(to) - place(from)}%`;
  return piece;
}
