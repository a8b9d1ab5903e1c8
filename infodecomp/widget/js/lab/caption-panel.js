import { make } from "../common/elements.js";
import { button, select } from "./controls.js";
import { keepFocus } from "./focus.js";

/** Which caption it is, and how to edit it. */
export function captionPanel(lab) {
  const choice = select("a caption of the scene", [], (text) => lab.change({ text }));
  const editing = make("div", { className: "edit" });
  const controls = () => [...editing.querySelectorAll("select, button")];
  return {
    elements: [choice, editing],
    update() {
      showCaptions(lab, choice.lastChild);
      const edited = controls().indexOf(document.activeElement);
      const nearest = () => {
        const same = controls()[edited];
        return (same?.disabled ? editing.querySelector("select") : same) ?? choice.lastChild;
      };
      keepFocus(editing, () => editing.replaceChildren(...edits(lab)), nearest);
    },
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
  if (!unit) return ["The caption is empty."];
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
