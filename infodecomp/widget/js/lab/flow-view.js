import { make } from "../common/elements.js";
import { button, canvas, figure } from "./controls.js";
import { paintBytes } from "./painting.js";

const STEPS = 40;

/** Plays what the denoiser makes of one noise under both texts. */
export function flowView(lab) {
  const pictures = ["first", "second"].map((which) => canvas(lab.world.size, `made under the ${which} prompt`));
  const texts = pictures.map(() => make("figcaption"));
  const figures = pictures.map((picture, i) => figure(picture, texts[i]));
  const row = make("div", { className: "row", hidden: true }, ...figures);
  const said = make("p", { className: "progress" });
  said.setAttribute("aria-live", "polite");
  let frames = [];
  const playFrame = () => {
    if (!frames.length) return;
    showFrame(lab, frames.shift(), pictures, said);
    if (frames.length) requestAnimationFrame(playFrame);
  };
  const play = button("play from noise", () => {
    frames = [];
    row.hidden = false;
    said.textContent = "";
    lab.prompts().forEach((prompt, i) => {
      texts[i].textContent = `made under ${prompt}`;
      pictures[i].setAttribute("aria-label", texts[i].textContent);
    });
    lab.askViewer("play", { steps: STEPS });
  });
  return {
    elements: [play, said, row],
    add(frame) {
      frames.push(frame);
      if (frames.length === 1) requestAnimationFrame(playFrame);
    },
  };
}

/** A frame {step, steps, pictures}; of no steps where the question cannot be asked. */
function showFrame(lab, frame, pictures, said) {
  const last = frame.step === frame.steps;
  if (!lab.quiet || last) frame.pictures.forEach((rgba, i) => paintBytes(pictures[i], rgba, lab.world.size));
  if (!frame.steps) said.textContent = `Not played: ${lab.whyNotAsked()}.`;
  else if (last) said.textContent = `Both made from one noise, ${frame.steps} steps of Heun’s method.`;
}
