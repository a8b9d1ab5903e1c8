import { make } from "../common/elements.js";
import { KINDS, NOUNS, THINGS, nounOf } from "../engine/things.js";
import { button, canvas } from "./controls.js";
import { mapView } from "./map-view.js";
import { paintBytes } from "./painting.js";
import { questionTitle } from "./state.js";

/** The scene and, beside it, the map of what is asked. */
export function stagePanel(lab, flow) {
  const { engine, world } = lab;
  const picture = canvas(world.size, "the scene");
  const map = mapView(lab);
  const asked = make("h3");
  const another = button("New scene", () => lab.changeScene(randomScene()));
  const seen = (head, picture, ...foot) => make("div", { className: "seen" }, head, picture, make("div", {}, ...foot));
  const scene = make("div", { className: "picture" }, picture);
  const buttons = make("div", { className: "strip" }, flow.play, another);
  const heading = make("h3", { textContent: "Scene" });
  return {
    element: make("div", { className: "stage" }, seen(heading, scene, buttons), seen(asked, ...map.elements)),
    hide: map.hide,
    update() {
      const captions = engine.captions(lab.state.scene);
      paintBytes(picture, engine.rgba(engine.picture(lab.state.scene)), world.size);
      picture.setAttribute("aria-label", captions[captions.length - 4]);
      asked.textContent = questionTitle(lab.state.question, lab.word());
    },
    showEstimate: map.showEstimate,
  };
}

/** A scene with two different nouns, all equally likely. */
function randomScene() {
  const draw = (n) => Math.floor(Math.random() * n);
  const first = draw(THINGS);
  const otherNoun = nounOf(first) + 1 + draw(NOUNS - 1);
  const second = (KINDS * otherNoun + draw(KINDS)) % THINGS;
  return { axis: draw(2), far: draw(2), night: draw(2), first, second };
}
