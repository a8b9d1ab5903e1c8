import { colourBar } from "../common/colours.js";
import { make } from "../common/elements.js";
import { choices } from "./choices.js";
import { Chosen } from "./chosen.js";
import { pictureView } from "./picture-view.js";

const WATCHED = ["word", "kind", "opacity", "shared", "smooth", "hide"].map((name) => `change:${name}`);

function render({ model, el }) {
  const chosen = new Chosen(model);
  const view = pictureView(chosen);
  const bar = colourBar();
  const unit = make("div", { className: "unit" });
  const controls = choices(chosen);
  el.classList.add("idc-live");
  el.dataset.lmSuppressShortcuts = "true"; // JupyterLab leaves our keys alone
  el.append(
    make("div", { className: "view" }, view.pointed, ...bar.elements, unit, view.readout),
    controls.element,
  );
  const update = () => {
    controls.update();
    view.update();
    bar.show(chosen.colours(), ...chosen.range());
    unit.textContent = chosen.unit() === "nats" ? "nats per cell" : "attention";
  };
  for (const event of WATCHED) model.on(event, update);
  update();
  return () => WATCHED.forEach((event) => model.off(event, update));
}

export default { render };
