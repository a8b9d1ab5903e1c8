import { make } from "../common/elements.js";

/** Which of several pictures: a slider over samples or log-SNR where they are one, else a button for each. */
export function turning(chosen) {
  return chosen.state.film ? sliding(chosen) : choosing(chosen);
}

function sliding(chosen) {
  const { items } = chosen.state;
  const [name, title] = chosen.state.film;
  const slider = make("input", { type: "range", min: 0, max: items.length - 1, step: 1 });
  slider.addEventListener("input", () => chosen.turn(Number(slider.value)));
  const moment = make("span", { className: "samples" });
  return {
    element: make("label", { className: "film", title }, name, slider, moment),
    update() {
      slider.value = chosen.get("item");
      moment.textContent = chosen.item.moment;
      slider.setAttribute("aria-valuetext", `${moment.textContent} ${name}`);
    },
  };
}

function choosing(chosen) {
  const inputs = chosen.state.items.map((_, i) => {
    const input = make("input", { type: "radio", name: `${chosen.group}-item`, value: i });
    input.addEventListener("change", () => chosen.turn(i));
    return input;
  });
  const labels = chosen.state.items.map(({ caption }, i) => {
    const alt = caption.map(([text]) => text).join(" ");
    const picture = make("img", { src: chosen.state.images[i], alt });
    return make("label", { className: "item", title: alt }, inputs[i], picture);
  });
  const legend = make("legend", { textContent: "Picture" });
  return {
    element: make("fieldset", { className: "items" }, legend, ...labels),
    update: () => inputs.forEach((input, i) => (input.checked = i === chosen.get("item"))),
  };
}
