import { fieldset, make } from "../common/elements.js";
import { totalsOf } from "./totals.js";

// Native radio buttons and boxes, so that arrow keys and screen readers know them.

/** What the reader can choose: kind, word, opacity, scale, smoothness, what to hide. */
export function choices(chosen) {
  const { kinds } = chosen.state;
  const opacity = make("input", { type: "range", min: 0, max: 1, step: 0.05 });
  opacity.addEventListener("input", () => chosen.set("opacity", Number(opacity.value)));
  const boxes = {
    shared: toggle(chosen, "shared", "one colour scale for all words"),
    smooth: toggle(chosen, "smooth", "smooth"),
    hide: toggle(chosen, "hide", "hide cells below two standard errors"),
  };
  boxes.hide.firstChild.disabled = !kinds.some(({ layers }) => layers.some((layer) => layer?.error));
  const element = make(
    "div",
    { className: "controls" },
    fieldset("Map", "kinds", ...kinds.map(({ name }) => choice(chosen, "kind", name, name, "kind"))),
    fieldset("Caption, in nats", "caption", ...captionWords(chosen)),
    make("label", { className: "opacity" }, "opacity", opacity),
    ...Object.values(boxes),
  );
  return {
    element,
    update() {
      for (const input of element.querySelectorAll("input[type=radio]"))
        input.checked = input.value === chosen.get(input.name === `${chosen.group}-word` ? "word" : "kind");
      opacity.value = chosen.get("opacity");
      for (const [name, box] of Object.entries(boxes)) box.firstChild.checked = chosen.get(name);
    },
  };
}

function choice(chosen, name, value, label, className) {
  const input = make("input", { type: "radio", name: `${chosen.group}-${name}`, value });
  input.addEventListener("change", () => chosen.set(name, value));
  return make("label", { className }, input, label);
}

function toggle(chosen, name, text) {
  const input = make("input", { type: "checkbox" });
  input.addEventListener("change", () => chosen.set(name, input.checked));
  return make("label", {}, input, text);
}

/** The caption: words that have maps can be chosen, the others stand between them. */
function captionWords(chosen) {
  const { caption, words } = chosen.state;
  const totals = totalsOf(chosen.kinds);
  return caption.map(([text, word]) => {
    if (word === null) return make("span", { className: "word", textContent: text });
    const label = make("span", {}, make("bdi", { textContent: text }), ...totals(words.indexOf(word)));
    return choice(chosen, "word", word, label, "word");
  });
}
