import { make } from "../common/elements.js";
import { KINDS, NOUNS, THINGS, layoutOf, nounOf } from "../engine/things.js";
import { button, canvas, check, group, radio } from "./controls.js";
import { objectControls } from "./object-controls.js";
import { paintBytes } from "./painting.js";
import { LAYOUT_NAMES } from "./state.js";

/** The scene: its picture, its two objects, places and sky. */
export function scenePanel(lab) {
  const { engine, world } = lab;
  const picture = canvas(world.size, "");
  const objects = ["first", "second"].map((which) => objectControls(lab, which));
  const layouts = LAYOUT_NAMES.map((name, layout) => {
    const choose = () => lab.changeScene({ axis: Math.floor(layout / 2), far: layout % 2 });
    return radio(lab, "layout", name, name.replace("-", ", "), choose);
  });
  const skies = world.vocabulary.time.map((time, night) =>
    radio(lab, "sky", time, time, () => lab.changeScene({ night })),
  );
  const another = button("another scene", () => lab.changeScene(randomScene()));
  return {
    elements: [
      make("div", { className: "picture" }, picture),
      ...objects.map(({ element }) => element),
      group("places", ...layouts),
      group("sky", ...skies),
      another,
    ],
    update() {
      const { scene } = lab.state;
      const captions = engine.captions(scene);
      paintBytes(picture, engine.rgba(engine.picture(scene)), world.size);
      picture.setAttribute("role", "img");
      picture.setAttribute("aria-label", captions[captions.length - 4]);
      check(lab, "layout", LAYOUT_NAMES[layoutOf(scene)]);
      check(lab, "sky", world.vocabulary.time[scene.night]);
      for (const object of objects) object.update();
    },
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
