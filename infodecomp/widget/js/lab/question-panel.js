import { button, check, group, radio } from "./controls.js";
import { QUESTIONS } from "./state.js";

/** All questions, the estimator, and what the map leaves out. */
export function questionPanel(lab, hide) {
  const pause = button("pause", () => {
    lab.pause(!lab.paused);
    namePause();
  });
  const namePause = () => (pause.textContent = lab.paused ? "go on" : "pause");
  const ask = (question) => radio(lab, "question", question, QUESTIONS[question], () => lab.change({ question }));
  const kind = (value, text) => radio(lab, "kind", value, text, () => lab.change({ kind: value }));
  const kinds = group("Estimator", kind("standard", "iˢ, unbiased"), kind("orthogonal", "i°, never negative"));
  return {
    elements: [group("Question", ...Object.keys(QUESTIONS).map(ask)), kinds, hide, pause],
    update() {
      check(lab, "question", lab.state.question);
      check(lab, "kind", lab.state.kind);
      namePause();
    },
  };
}
