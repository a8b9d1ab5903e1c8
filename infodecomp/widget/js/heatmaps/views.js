import { colourBar } from "../common/colours.js";
import { make } from "../common/elements.js";
import { seenRamp } from "../common/overlay.js";
import { pictureView } from "./picture-view.js";
import { cellText } from "./readout.js";

/** The picture with the chosen word's map, the second word's beside it, the colour bar, and what a cell says. */
export function views(chosen) {
  const readout = make("output");
  readout.setAttribute("aria-live", "polite");
  let pointed = null; // [word, cell]
  const cell = () => cellText(chosen, ...(pointed ?? [null, null]));
  const read = () => (readout.textContent = chosen.get("original") ? "" : cell());
  const point = (word, cell) => {
    pointed = cell && [word, cell];
    read();
  };
  const both = [() => chosen.word(), () => chosen.get("beside")].map((wordOf) => pictureView(chosen, wordOf, point));
  const bar = colourBar();
  const unit = make("div", { className: "unit" });
  const scale = make("div", { className: "scale" }, ...bar.elements, unit);
  const pictures = make("div", { className: "pictures" }, ...both.map(({ element }) => element));
  const [rows, columns] = chosen.item.size;
  pictures.style.setProperty("--aspect", columns / rows);
  const showBar = () => {
    const high = chosen.high(chosen.word());
    const { signed } = chosen.kind();
    const middle = signed ? 0 : high * (chosen.get("root") ? 0.25 : 0.5);
    bar.show(seenRamp(both[0].mean(), chosen.look()), signed ? -high : 0, high, middle);
    const own = !chosen.get("shared") && chosen.get("beside") ? `, scale of “${chosen.word()}”` : "";
    unit.textContent = chosen.kind().unit + own;
    scale.classList.toggle("away", chosen.get("original"));
  };
  both[0].loaded(showBar);
  return {
    element: make("div", { className: "view" }, pictures, scale, readout),
    canvases: () => both.filter(({ element }) => !element.hidden).map(({ canvas, wordOf }) => [canvas, wordOf()]),
    ramp: () => [scale.firstChild, [...scale.querySelectorAll("span")].map((tick) => tick.textContent)],
    update() {
      both.forEach((view) => view.update());
      showBar();
      read();
    },
  };
}
