import { make } from "../common/elements.js";
import { number } from "../common/numbers.js";
import { canvas, figure } from "./controls.js";
import { clear, colourRange, paintBytes, paintMap } from "./painting.js";

/** One noisy picture, what both texts make believe of it, and where these differ. */
export function lookView(lab) {
  const pictures = ["noisy", "y", "given", "difference"].map((label) => canvas(lab.world.size, label));
  const texts = ["the noisy picture", "", "", ""].map((textContent) => make("figcaption", { textContent }));
  const row = make("div", { className: "strip look" }, ...pictures.map((picture, i) => figure(picture, texts[i])));
  return {
    elements: [row],
    show(answer) {
      paintBytes(pictures[0], answer.noisy, lab.world.size);
      if (answer.y) showBeliefs(lab, answer, pictures, texts);
      else showNothing(lab, pictures.slice(1), texts.slice(1));
    },
  };
}

function showNothing(lab, pictures, texts) {
  pictures.forEach((picture, i) => {
    clear(picture);
    texts[i].textContent = i ? "" : `not asked: ${lab.whyNotAsked()}`;
    picture.setAttribute("aria-label", "nothing");
  });
}

function showBeliefs(lab, answer, pictures, texts) {
  const { kind } = lab.state;
  paintBytes(pictures[1], answer.y, lab.world.size);
  paintBytes(pictures[2], answer.given, lab.world.size);
  const map = answer[kind];
  paintMap(lab, pictures[3], map, colourRange(kind, map));
  const sum = map.reduce((a, b) => a + b, 0);
  const halves = {
    orthogonal: "half the squared difference of the two ε̂",
    standard: "half the difference of the two squared errors",
  };
  const difference = `${halves[kind]}: ${number(sum, sum / 10)} nats per nat of log-SNR, for this one noise`;
  const believed = lab.prompts().map((prompt) => `what is believed under ${prompt}`);
  ["the noisy picture", ...believed, difference].forEach((text, i) => {
    texts[i].textContent = text;
    pictures[i].setAttribute("aria-label", text);
  });
}
