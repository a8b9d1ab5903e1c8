import { make } from "../common/elements.js";
import { button } from "./controls.js";
import { lookView } from "./look-view.js";
import { minusSign, profileView } from "./profile.js";

/** Where on the log-SNR axis the information arises, and the picture under the slider. */
export function noisePanel(lab) {
  const profile = profileView(lab);
  const slider = make("input", { type: "range", min: -16, max: 8, step: 0.25 });
  slider.setAttribute("aria-label", "log-SNR of the noisy picture");
  slider.addEventListener("input", () => lab.change({ logsnr: Number(slider.value) }));
  const level = make("span", { className: "level" });
  const slide = make("label", { className: "slide" }, "log-SNR", slider, level);
  const look = lookView(lab);
  const reseed = button("another noise", () => lab.change({ seed: lab.state.seed + 1 }));
  const seed = make("span", { className: "progress" });
  return {
    elements: [...profile.elements, slide, ...look.elements, reseed, seed],
    look,
    update() {
      slider.value = lab.state.logsnr;
      level.textContent = minusSign(lab.state.logsnr);
      seed.textContent = ` seed ${lab.state.seed}`;
      profile.update();
    },
    showEstimate: profile.showEstimate,
  };
}
