import { make } from "../common/elements.js";
import { savePicture } from "./saving.js";

const TOGGLES = {
  shared: ["one colour scale for all words", "Off: each word's strongest cell has the strongest colour"],
  root: ["√ scale", "Colours grow with the square root of the nats, so that weak words are seen"],
  smooth: ["smooth", "Blend the cells into one another"],
  hide: ["hide cells below two standard errors", "Leave clear what may be zero"],
};

/** How the map is looked at: the picture alone, a second word, an image to keep, and the scale of the colours. */
export function looks(chosen, seen) {
  const original = toggle(chosen, "original", "original picture", "The picture alone, in its colours");
  const boxes = Object.entries(TOGGLES).map(([name, texts]) => toggle(chosen, name, ...texts));
  const errors = chosen.item.layers.some((layers) => layers.some((layer) => layer?.error));
  boxes.at(-1).element.firstChild.disabled = !errors;
  const opacity = slider(chosen);
  const second = secondWord(chosen);
  const title = "What is seen, with numbers and scale, as a file";
  const save = make("button", { type: "button", textContent: "save as PNG", title });
  save.addEventListener("click", () => savePicture(chosen, seen));
  const more = make("details", {}, make("summary", { textContent: "Colours and scale" }));
  more.append(opacity.element, ...boxes.map(({ element }) => element));
  const parts = [original, second, opacity, ...boxes];
  return {
    element: make("div", { className: "looks" }, original.element, second.element, save, more),
    update: () => parts.forEach((part) => part.update()),
  };
}

function toggle(chosen, name, text, title) {
  const input = make("input", { type: "checkbox" });
  input.addEventListener("change", () => chosen.set(name, input.checked));
  return { element: make("label", { title }, input, text), update: () => (input.checked = chosen.get(name)) };
}

function slider(chosen) {
  const input = make("input", { type: "range", min: 0, max: 1, step: 0.05 });
  input.addEventListener("input", () => chosen.set("opacity", Number(input.value)));
  const title = "How much the strongest cell covers of the picture";
  const element = make("label", { className: "opacity", title }, "opacity", input);
  return { element, update: () => (input.value = chosen.get("opacity")) };
}

function secondWord(chosen) {
  const select = make("select", {}, make("option", { value: "", textContent: "no other word" }));
  select.append(...chosen.item.words.map((word) => make("option", { value: word, textContent: word })));
  select.addEventListener("change", () => chosen.set("beside", select.value));
  const title = "A second word's map beside the first, on the same scale";
  const element = make("label", { title }, "beside it", select);
  return { element, update: () => (select.value = chosen.get("beside")) };
}
