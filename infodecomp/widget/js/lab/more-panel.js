import { make } from "../common/elements.js";
import { captionPanel } from "./caption-panel.js";
import { noisePanel } from "./noise-panel.js";
import { questionPanel } from "./question-panel.js";
import { scenePanel } from "./scene-panel.js";

/** Everything that is hidden at first. hide: the control of what the map leaves out. */
export function morePanel(lab, hide) {
  const noise = noisePanel(lab);
  const panels = {
    "Compose the scene": scenePanel(lab),
    "Edit the caption": captionPanel(lab),
    "Question and estimate": questionPanel(lab, hide),
    "Where it arises": noise,
  };
  const section = ([title, { elements }]) => make("section", {}, make("h3", { textContent: title }), ...elements);
  const summary = make("summary", { textContent: "More: scene, caption, questions, noise" });
  const sections = make("div", { className: "sections" }, ...Object.entries(panels).map(section));
  return {
    element: make("details", { className: "more" }, summary, sections),
    showLook: noise.look.show,
    update() {
      for (const panel of Object.values(panels)) panel.update();
    },
    showEstimate: noise.showEstimate,
  };
}
