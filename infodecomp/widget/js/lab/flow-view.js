import { make } from "../common/elements.js";
import { button, canvas, figure } from "./controls.js";
import { paintBytes } from "./painting.js";

const STEPS = 40;

/** Plays what the denoiser makes of one noise under both texts; another question ends it. */
export function flowView(lab) {
  const screen = makeScreen(lab);
  let frames = [];
  let about = ""; // the texts and the noise that are played
  const asked = () => [...lab.prompts(), lab.state.seed].join();
  const playFrame = () => {
    if (!frames.length) return;
    screen.show(frames.shift());
    if (frames.length) requestAnimationFrame(playFrame);
  };
  const play = button("Play", () => {
    frames = [];
    about = asked();
    screen.begin();
    lab.askViewer("play", { steps: STEPS });
  });
  play.title = "Make two pictures from one noise, one under each of the two texts";
  return {
    play,
    played: screen.element,
    update() {
      if (about === asked()) return;
      screen.element.hidden = true;
      frames = [];
    },
    add(frame) {
      if (screen.element.hidden) return;
      frames.push(frame);
      if (frames.length === 1) requestAnimationFrame(playFrame);
    },
  };
}

/** Two pictures with the texts that they are made under, hidden until they are. */
function makeScreen(lab) {
  const pictures = ["first", "second"].map((which) => canvas(lab.world.size, `made under the ${which} prompt`));
  const texts = pictures.map(() => make("figcaption"));
  const strip = make("div", { className: "strip" }, ...pictures.map((picture, i) => figure(picture, texts[i])));
  const status = make("p", { className: "progress" });
  status.setAttribute("aria-live", "polite");
  const element = make("div", { className: "played", hidden: true }, status, strip);
  return {
    element,
    begin() {
      element.hidden = false;
      status.textContent = "From one noise, under both texts:";
      lab.prompts().forEach((prompt, i) => {
        texts[i].textContent = `made under ${prompt}`;
        pictures[i].setAttribute("aria-label", texts[i].textContent);
      });
    },
    /** A frame {step, steps, pictures}; of no steps where the question cannot be asked. */
    show(frame) {
      const last = frame.step === frame.steps;
      if (!lab.quiet || last) frame.pictures.forEach((rgba, i) => paintBytes(pictures[i], rgba, lab.world.size));
      if (!frame.steps) status.textContent = `Not played: ${lab.whyNotAsked()}.`;
      else if (last) status.textContent = `Both made from one noise, ${frame.steps} steps of Heun’s method.`;
    },
  };
}
