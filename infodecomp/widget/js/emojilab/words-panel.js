import { make } from "../common/elements.js";
import { check, radio } from "../lab/controls.js";
import { natsText } from "./telling.js";

/** The chosen emoji, its words with their counted nats, how they are asked about, and a caption of the reader's own. */
export function wordsPanel(lab) {
  const small = make("span", { className: "chosen" });
  const words = make("div", { className: "words", role: "group" });
  words.setAttribute("aria-label", "Words: choose one to see where its information is");
  const way = (alone, text) => radio(lab, "way", String(alone), text, () => lab.change({ alone }));
  const ways = make("fieldset", {}, make("legend", { textContent: "The word" }));
  ways.append(way(false, "given the rest"), way(true, "alone"));
  const caption = make("input", { type: "text", autocomplete: "off", spellcheck: false });
  const ask = make("button", { type: "submit", textContent: "Ask" });
  const form = make("form", {}, make("label", {}, "Your own caption ", caption), ask);
  const refused = make("p", { className: "small refused", role: "alert" });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    lab.change({ caption: caption.value.replaceAll("_", " ").trim().split(/\s+/).join(" "), word: "" });
  });
  return {
    elements: [make("div", { className: "name" }, small, words), ways, form, refused],
    refuse: (line) => (refused.textContent = line),
    update() {
      const { word, own, caption: written, name } = lab.case;
      const focused = words.contains(document.activeElement);
      small.replaceChildren(lab.face(lab.case));
      words.replaceChildren(...lab.case.words.map((one) => wordButton(lab, one)));
      if (focused) (words.querySelector("[aria-pressed=true]") ?? words.firstChild)?.focus({ preventScroll: true });
      check(lab, "way", String(lab.case.alone));
      if (document.activeElement !== caption) caption.value = own ? written : name;
      refused.textContent = word || own ? refused.textContent : "";
    },
  };
}

function wordButton(lab, { key, text, nats }) {
  const one = make("button", { type: "button", value: key, className: nats === 0 ? "nothing" : "" });
  one.append(make("bdi", { textContent: text }), make("small", { textContent: natsText(nats) }));
  one.setAttribute("aria-pressed", String(key === lab.case.word));
  one.addEventListener("click", () => lab.change({ word: key }, true));
  return one;
}
