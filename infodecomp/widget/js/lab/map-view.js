import { cells } from "../common/cells.js";
import { colourBar } from "../common/colours.js";
import { make } from "../common/elements.js";
import { measured } from "../common/numbers.js";
import { clear, colourRange, paintMap, tableOf } from "./painting.js";
import { QUESTIONS, questionName, questionTitle } from "./state.js";

/** The map of the question, its colour bar, and what it says of a cell. */
export function mapView(lab) {
  const { size } = lab.world;
  const map = make("canvas", { width: size, height: size });
  const bar = colourBar();
  const readout = make("output", { className: "unit" });
  const hideBox = make("input", { type: "checkbox" });
  let cell = null;
  const read = () => (readout.textContent = cellText(lab, cell));
  const pointed = cells(map, size, size, (to) => {
    cell = to;
    readout.setAttribute("aria-live", "polite"); // the reader asked; what the estimate changes is not announced
    read();
  });
  const show = () => {
    const { question } = lab.state;
    const about = `${questionTitle(question, lab.word())}: ${QUESTIONS[question]}`;
    map.setAttribute("aria-label", `Map of nats, ${about}. Arrow keys read a cell.`);
    paint(lab, map, bar, hideBox.checked);
    read();
  };
  hideBox.addEventListener("change", show);
  return {
    elements: [pointed, ...bar.elements, readout],
    hide: make("label", {}, hideBox, "hide cells below two standard errors"),
    showEstimate() {
      readout.setAttribute("aria-live", "off");
      show();
    },
  };
}

/** Paints the map, and names what it is of; a map that comes at once takes the place of the one before. */
function paint(lab, map, bar, hide) {
  const view = lab.view();
  if (!view) {
    if (lab.comes()) return;
    clear(map);
    bar.clear();
    delete map.dataset.shown;
    return;
  }
  const range = colourRange(lab.state.kind, view.map);
  paintMap(lab, map, view.map, range, (i) => !hide || Math.abs(view.map[i]) > 2 * view.error[i]);
  bar.show(tableOf(lab, range[0]), ...range);
  map.dataset.shown = questionName(lab.state);
}

function cellText(lab, cell) {
  const view = lab.view();
  if (!view || !cell) return "nats per cell";
  const [row, column] = cell;
  const i = row * lab.world.size + column;
  return `row ${row + 1}, column ${column + 1}: ${measured(view.map[i], view.error[i])} nats`;
}
