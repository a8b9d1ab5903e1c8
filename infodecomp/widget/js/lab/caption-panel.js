import { make } from "../common/elements.js";
import { button, check, group, radio, select } from "./controls.js";
import { QUESTIONS } from "./state.js";
import { showBars, wordLabels } from "./words.js";

/** The caption: which one, its words with their nats, how to edit it, and what is asked about it. */
export function captionPanel(lab) {
  const choice = select("a caption of the scene", [], (text) => lab.change({ text }));
  const words = make("fieldset", { className: "caption" });
  const editing = make("div", { className: "edit" });
  const ask = (question) => radio(lab, "question", question, QUESTIONS[question], () => lab.change({ question }));
  const redraw = () => {
    words.replaceChildren(...wordLabels(lab));
    editing.replaceChildren(...edits(lab));
  };
  return {
    elements: [choice, words, editing, group("Question", ...Object.keys(QUESTIONS).map(ask))],
    update() {
      check(lab, "question", lab.state.question);
      showCaptions(lab, choice.lastChild);
      keepFocus(lab, { choice: choice.lastChild, words, editing }, redraw);
    },
    showEstimate: () => showBars(lab, words),
  };
}

/** The captions of the scene, and before them the text if it is none of them. */
function showCaptions({ engine, state }, choice) {
  const captions = engine.captions(state.scene);
  const texts = captions.includes(state.text) ? captions : [state.text, ...captions];
  const label = (text) => (captions.includes(text) ? text : `edited: ${text || "nothing"}`);
  choice.replaceChildren(...texts.map((text) => make("option", { value: text, textContent: label(text) })));
  choice.value = state.text;
}

/** What can be done to the chosen word. */
function edits(lab) {
  const { engine, state } = lab;
  const units = engine.units(state.text);
  const unit = units[state.word];
  if (!unit) return ["Nothing is said."];
  const word = unit[2];
  const variants = engine.wordings(state.text, unit);
  const change = (other) => lab.change({ text: variants.find((variant) => variant.word === other).text });
  const replace = select(`replace “${word}” by`, variants.map((variant) => variant.word), change);
  replace.lastChild.value = word;
  const shorter = engine.replaced(state.text, unit, "");
  const drop = button(`drop “${word}”`, () => lab.change({ text: shorter }));
  drop.disabled = !engine.possible(shorter);
  const keep = button(`keep only “${word}”`, () => lab.change({ text: word, word: 0 }));
  keep.disabled = !engine.possible(word) || units.length === 1;
  const back = button("back to the caption", () => lab.change({ text: lab.caption(state.scene) }));
  back.disabled = state.text === lab.caption(state.scene);
  return [replace, drop, keep, back];
}

/** Draws words and edits anew and gives the focus to what took the place of the control that had it. */
function keepFocus({ el }, { choice, words, editing }, redraw) {
  const focus = el.contains(document.activeElement) ? document.activeElement : null;
  const controls = () => [...editing.querySelectorAll("select, button")];
  const edited = controls().indexOf(focus);
  redraw();
  if (!focus || el.contains(focus)) return;
  const word = () => [...words.querySelectorAll("input")].find((input) => input.value === focus.value);
  const same = edited < 0 ? word() : controls()[edited];
  const nearest = same?.disabled ? editing.querySelector("select") : same;
  (nearest ?? words.querySelector("input:checked") ?? choice).focus();
}
