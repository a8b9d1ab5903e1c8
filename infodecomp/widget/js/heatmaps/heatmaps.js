import { make } from "../common/elements.js";
import { choices } from "./choices.js";
import { Chosen } from "./chosen.js";
import { looks } from "./looks.js";
import { turning } from "./turning.js";
import { views } from "./views.js";

const LOOKS = ["word", "kind", "beside", "opacity", "shared", "root", "smooth", "hide", "original"];
const WATCHED = LOOKS.map((name) => `change:${name}`);

/** The colour behind an element, which the picture that stays in sight needs on pages without a known theme. */
function groundOf(element) {
  if (!element) return "Canvas";
  const colour = getComputedStyle(element).backgroundColor;
  return /^rgb\(/.test(colour) ? colour : groundOf(element.parentElement);
}

function render({ model, el }) {
  const chosen = new Chosen(model);
  const turner = turning(chosen);
  const body = make("div", { className: "body" });
  let parts = [];
  const update = () => {
    chosen.hovered = null;
    parts.forEach((part) => part.update());
  };
  const build = () => {
    const seen = views(chosen);
    chosen.hover = (word) => {
      chosen.hovered = word;
      seen.update();
    };
    parts = [seen, choices(chosen), ...(chosen.state.small ? [] : [looks(chosen, seen)]), turner];
    const controls = parts.slice(1, -1).map(({ element }) => element);
    body.replaceChildren(seen.element, make("div", { className: "controls" }, ...controls));
    update();
  };
  el.classList.add("idc-live", "heat-maps");
  el.style.setProperty("--idc-ground", groundOf(el));
  el.dataset.lmSuppressShortcuts = "true"; // JupyterLab leaves our keys alone
  if (chosen.state.items.length > 1) el.append(turner.element);
  el.append(body);
  for (const event of WATCHED) model.on(event, update);
  model.on("change:item", build);
  build();
  return () => {
    WATCHED.forEach((event) => model.off(event, update));
    model.off("change:item", build);
  };
}

export default { render };
