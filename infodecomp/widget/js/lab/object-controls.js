import { make } from "../common/elements.js";
import { colourOf, nounOf, stateOf, thingOf } from "../engine/things.js";
import { check, radio, select } from "./controls.js";

const TITLES = { first: ["left object", "upper object"], second: ["right object", "lower object"] }; // by axis

/** Noun, state and colour of the first or second object. */
export function objectControls(lab, which) {
  const { vocabulary } = lab.world;
  const other = which === "first" ? "second" : "first";
  const change = (part) => lab.changeScene({ [which]: changedThing(lab.state.scene[which], part) });
  const title = make("legend");
  const nouns = select("", vocabulary.noun, (noun) => change({ noun: vocabulary.noun.indexOf(noun) }));
  const nounSelect = nouns.lastChild;
  nounSelect.setAttribute("aria-label", `${which} object`);
  const states = make("span", { className: "choices" });
  const colours = make("span", { className: "choices" }, ...vocabulary.colour.map((name, colour) =>
    swatch(lab, `${which}-colour`, name, () => change({ colour })),
  ));
  return {
    element: make("fieldset", {}, title, nouns, states, colours),
    update() {
      const { scene } = lab.state;
      const thing = scene[which];
      const noun = vocabulary.noun[nounOf(thing)];
      const ownStates = lab.world.states[noun];
      title.textContent = TITLES[which][scene.axis];
      nounSelect.value = noun;
      [...nounSelect.options].forEach((option, i) => (option.disabled = i === nounOf(scene[other])));
      if (states.dataset.noun !== String(nounOf(thing))) {
        states.dataset.noun = nounOf(thing);
        const choice = (name, state) => radio(lab, `${which}-state`, name, name, () => change({ state }));
        states.replaceChildren(...ownStates.map(choice));
      }
      check(lab, `${which}-state`, ownStates[stateOf(thing)]);
      check(lab, `${which}-colour`, vocabulary.colour[colourOf(thing)]);
    },
  };
}

function changedThing(thing, { noun = nounOf(thing), state = stateOf(thing), colour = colourOf(thing) }) {
  return thingOf(noun, state, colour);
}

function swatch(lab, field, name, choose) {
  const label = radio(lab, field, name, name, choose);
  label.style.setProperty("--swatch", lab.world.colours[name]);
  label.classList.add("swatch");
  return label;
}
