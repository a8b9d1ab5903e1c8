import { make } from "../common/elements.js";
import { check, group, radio } from "./controls.js";
import { keepFocus } from "./focus.js";
import { WAYS } from "./state.js";
import { showBars, wordLabels } from "./words.js";

/** The caption's words with their nats; a click asks for one of them. */
export function wordsPanel(lab) {
  const words = make("fieldset", { className: "caption" });
  const ask = (question) => radio(lab, "ask", question, WAYS[question], () => lab.change({ question }));
  const asks = group("Information of the word", ask("CMI"), ask("MI"));
  asks.classList.add("ask");
  return {
    elements: [words, asks],
    update() {
      check(lab, "ask", lab.state.question);
      const redraw = () => words.replaceChildren(...wordLabels(lab));
      const same = (focus) => [...words.querySelectorAll("input")].find((input) => input.value === focus.value);
      keepFocus(words, redraw, same);
    },
    showEstimate: () => showBars(lab, words),
  };
}
