import { make } from "../common/elements.js";
import { minus } from "../common/numbers.js";

/** One slider over its numbers; calls moved with the place of the one chosen. */
function slider(name, numbers, moved) {
  const input = make("input", { type: "range", min: 0, max: numbers.length - 1, step: 1 });
  const output = make("output");
  input.addEventListener("input", () => moved(Number(input.value)));
  return {
    element: make("label", {}, make("span", { textContent: name }), input, output),
    show(place) {
      input.value = place;
      output.textContent = minus(String(Number(numbers[place].toPrecision(6))));
      input.setAttribute("aria-valuetext", `${name} ${output.textContent}`);
    },
  };
}

/** A frame: SVG text, or the address of a picture. */
function frameView(alt) {
  const image = make("img", { alt });
  const figure = make("div", { className: "frame" }, image);
  return {
    figure,
    show(frame) {
      const drawing = frame.startsWith("<svg");
      image.classList.toggle("drawing", drawing);
      image.src = drawing ? `data:image/svg+xml,${encodeURIComponent(frame)}` : frame;
    },
  };
}

function render({ model, el }) {
  const { frames, sliders, alt } = model.get("_state");
  const view = frameView(alt);
  const moved = (i) => (place) => {
    model.set("at", model.get("at").map((old, k) => (k === i ? place : old)));
    model.save_changes();
  };
  const controls = sliders.map(([name, numbers], i) => slider(name, numbers, moved(i)));
  el.classList.add("sliders-live");
  el.dataset.lmSuppressShortcuts = "true"; // JupyterLab leaves our keys alone
  el.append(view.figure, make("div", { className: "controls" }, ...controls.map(({ element }) => element)));
  const update = () => {
    const at = model.get("at");
    controls.forEach((control, i) => control.show(at[i]));
    view.show(frames[at.reduce((place, k, i) => place * sliders[i][1].length + k, 0)]);
  };
  model.on("change:at", update);
  update();
  return () => model.off("change:at", update);
}

export default { render };
