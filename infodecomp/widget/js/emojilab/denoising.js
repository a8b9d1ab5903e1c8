import { make } from "../common/elements.js";
import { button } from "../lab/controls.js";
import { curve } from "./curve.js";
import { many, soFar } from "./telling.js";

const WHY =
  "The map is that of iᵒ, which is never negative; the running total is that of iˢ, which is the count for every " +
  "picture. Where the caption fits one picture only, both are the same; where it fits several, the map’s sum meets " +
  "the count on average over them.";

/** The running total beside the count, and what the reader can do with the run. */
export function denoising(lab) {
  const numbers = make("p", { className: "numbers" });
  const plot = curve();
  const pause = button("Pause", () => lab.pause(!lab.paused));
  const restart = button("Restart", () => lab.restart());
  const speed = make("span", { className: "small" });
  const buttons = make("p", { className: "row" }, pause, restart, speed);
  const why = make("p", { className: "small", textContent: WHY });
  const parts = make("div", {}, make("h3", { textContent: "By denoising" }), numbers, plot.element, buttons, why);
  return {
    elements: [parts],
    show() {
      const { latest, trail, truth } = lab;
      parts.hidden = !(truth > 0 && Number.isFinite(truth));
      if (parts.hidden) return;
      numbers.replaceChildren(...soFar(latest, truth));
      plot.show(trail, truth);
      pause.textContent = lab.paused ? "Continue" : "Pause";
      pause.disabled = !lab.running;
      speed.textContent = latest ? speedText(latest) : "";
    },
  };
}

function speedText({ draws, rate, done, stored }) {
  if (stored) return `${many(draws)} draws, stored. Click the word or Restart, and it is drawn anew.`;
  return `${many(draws)} draws${done ? ", done" : ""}; ${many(Number(rate.toPrecision(2)))} a second`;
}
