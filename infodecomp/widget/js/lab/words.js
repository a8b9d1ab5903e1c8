import { make } from "../common/elements.js";
import { measured } from "../common/numbers.js";
import { radio } from "./controls.js";
import { exactNats } from "./painting.js";
import { WAYS } from "./state.js";

/** How a text's words are asked for: each as the question asks for one, else given the rest. */
const wayOf = ({ question }) => (question in WAYS ? question : "CMI");

/** The legend of a text's words, and a radio button for each with room for its nats. */
export function wordLabels(lab) {
  const { engine, state } = lab;
  const kind = state.kind === "standard" ? "iˢ" : "i°";
  const shown = `nats ${WAYS[wayOf(state)]} (bar ${kind}, mark counted)`;
  const legend = make("legend", { textContent: `Choose a word: ${shown}` });
  const labels = engine.units(state.text).map(([, , text], i) => {
    const content = make("span", {}, make("bdi", { textContent: text }), make("span", { className: "total" }));
    const label = radio(lab, "word", i, content, () => lab.change({ word: i, question: wayOf(lab.state) }));
    label.classList.add("word");
    label.querySelector("input").checked = i === state.word && state.question in WAYS;
    return label;
  });
  return [legend, ...labels];
}

/** Fills the rooms: estimate, bar and counted nats, all bars of one scale. */
export function showBars({ state, estimate }, words) {
  const totals = estimate[state.kind];
  const way = wayOf(state);
  const ofWay = (name, q) => (name.startsWith(`${way} `) ? [totals[q][0], estimate.exact[q]] : []);
  const shown = estimate.names.flatMap(ofWay);
  const reach = Math.max(1e-9, ...shown.filter(Number.isFinite));
  [...words.querySelectorAll(".total")].forEach((room, i) => {
    const q = estimate.names.indexOf(`${way} ${i}`);
    room.replaceChildren(...(q < 0 ? ["not asked"] : total(estimate, totals[q], estimate.exact[q], reach)));
  });
}

function total({ samples }, estimated, exact, reach) {
  return [...estimateBar(samples > 0 ? estimated : null, exact, reach), `counted ${exactNats(exact)}`];
}

/** Text and bar of [nats, standard error], null where there are none yet; the counted nats are a mark. */
export function estimateBar(estimated, exact, reach) {
  const bar = make("span", { className: "track" });
  const [value, error] = estimated ?? [];
  if (estimated) bar.append(mark("fill", 0, value, reach), mark("error", value - error, value + error, reach));
  if (exact >= 0) bar.append(mark("exact", exact, exact, reach));
  return [estimated ? measured(value, error, error < 10 ? 2 : 0) : "…", bar];
}

/** A piece of a bar from one number of nats to another; bars end at one and a half of their scale. */
function mark(className, from, to, reach) {
  const piece = make("span", { className });
  const place = (nats) => (100 * Math.min(Math.max(0, nats), 1.5 * reach)) / reach;
  piece.style.left = `${place(from)}%`;
  piece.style.width = `${place(to) - place(from)}%`;
  return piece;
}
