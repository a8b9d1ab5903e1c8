import { fieldset, make } from "../common/elements.js";
import { totalsOf } from "./totals.js";

// Native radio buttons, so that arrow keys and screen readers know them.

/** What the reader can ask: the kind of map, and the word. */
export function choices(chosen) {
  const { kinds, small } = chosen.state;
  const legend = (small && kinds[0].title && `${kinds[0].title} In nats:`) || chosen.item.legend;
  const asked = fieldset(legend, "caption", ...captionWords(chosen));
  asked.title = "Choose a word; its map is shown while the pointer is on it";
  const shown = kinds.map(({ name, label, title }) => choice(chosen, "kind", name, label, title));
  const element = make("div", { className: "asked" }, ...(small ? [] : [fieldset("Map", "kinds", ...shown)]), asked);
  return {
    element,
    update() {
      for (const input of element.querySelectorAll("input[type=radio]"))
        input.checked = input.value === chosen.get(input.name === `${chosen.group}-word` ? "word" : "kind");
    },
  };
}

function choice(chosen, name, value, label, title) {
  const input = make("input", { type: "radio", name: `${chosen.group}-${name}`, value });
  input.addEventListener("change", () => chosen.set(name, value));
  return make("label", { className: name, title }, input, label);
}

/** The caption: words that have maps can be chosen, the others stand between them. */
function captionWords(chosen) {
  const totals = totalsOf(chosen);
  return chosen.item.caption.map(([text, word]) => {
    if (word === null) return make("span", { className: "word", textContent: text });
    const content = make("span", {}, make("bdi", { textContent: text }), ...totals(word));
    const label = choice(chosen, "word", word, content, "");
    label.addEventListener("pointerenter", ({ pointerType }) => pointerType === "mouse" && chosen.hover(word));
    label.addEventListener("pointerleave", () => chosen.hover(null));
    label.addEventListener("focusin", ({ target }) => target.matches(":focus-visible") && chosen.hover(word));
    label.addEventListener("focusout", () => chosen.hover(null));
    return label;
  });
}
