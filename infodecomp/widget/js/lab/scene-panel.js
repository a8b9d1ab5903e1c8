import { layoutOf } from "../engine/things.js";
import { check, group, radio } from "./controls.js";
import { objectControls } from "./object-controls.js";
import { LAYOUT_NAMES } from "./state.js";

/** What the scene is composed of: its two objects, places and sky. */
export function scenePanel(lab) {
  const { world } = lab;
  const objects = ["first", "second"].map((which) => objectControls(lab, which));
  const layouts = LAYOUT_NAMES.map((name, layout) => {
    const choose = () => lab.changeScene({ axis: Math.floor(layout / 2), far: layout % 2 });
    return radio(lab, "layout", name, name.replace("-", ", "), choose);
  });
  const skies = world.vocabulary.time.map((time, night) =>
    radio(lab, "sky", time, time, () => lab.changeScene({ night })),
  );
  return {
    elements: [...objects.map(({ element }) => element), group("places", ...layouts), group("sky", ...skies)],
    update() {
      const { scene } = lab.state;
      check(lab, "layout", LAYOUT_NAMES[layoutOf(scene)]);
      check(lab, "sky", world.vocabulary.time[scene.night]);
      for (const object of objects) object.update();
    },
  };
}
