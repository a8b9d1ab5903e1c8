import { fieldset, make } from "../common/elements.js";
import { check, radio } from "./controls.js";

/** Guided stops, and what the chosen one asks. */
export function stopsPanel(lab) {
  const { stops } = lab;
  const panel = make("div", { className: "stop" });
  panel.setAttribute("aria-live", "polite");
  const choices = stops.map((stop, i) =>
    radio(lab, "stop", i, `${i + 1}. ${stop.title}`, () => lab.change(lab.parse(stop.state))),
  );
  const addresses = stops.map((stop) => lab.format(lab.parse(stop.state)));
  let shown = -1;
  return {
    elements: [fieldset("Guided stops", "stops", ...choices), panel],
    update() {
      const at = addresses.indexOf(lab.address);
      check(lab, "stop", at);
      if (at < 0 || at === shown) return; // what was asked stays while the reader tries things out
      shown = at;
      panel.replaceChildren(...answerOf(stops[at]));
    },
    /** Says that a link could not be read. */
    warn(text) {
      panel.textContent = text;
      shown = -1;
    },
  };
}

function answerOf({ sentence, question, answer }) {
  const hidden = make("details", {}, make("summary", { textContent: "Answer" }), make("p", { textContent: answer }));
  return [make("p", { textContent: sentence }), make("p", { className: "question", textContent: question }), hidden];
}
