import { make } from "../common/elements.js";
import { canvas, figure } from "./controls.js";
import { paintBytes } from "./painting.js";
import { minusSign } from "./profile.js";

/** What both denoisers believe of one noisy picture without the word; asked for one at a time. */
export function guessesView(lab) {
  const pictures = ["exact denoiser", "network"].map((who) => canvas(lab.world.size, who));
  const texts = pictures.map(() => make("figcaption"));
  const element = make("div", { className: "strip" }, ...pictures.map((picture, i) => figure(picture, texts[i])));
  let [asked, wanted, worker, busy] = ["", null, null, false];
  const ask = () => {
    if (busy || asked === JSON.stringify(wanted)) return;
    asked = JSON.stringify(wanted);
    busy = true;
    lab.workers.ask(worker, "guesses", wanted);
  };
  return {
    element,
    /** Asks a worker about the lab's state, log-SNRs from high to low. */
    ask(asking, rivals, [high, low]) {
      element.hidden = !rivals;
      if (!rivals) return;
      const { scene, seed } = lab.state;
      const logsnr = Math.min(high, Math.max(low, lab.state.logsnr));
      worker = asking;
      wanted = { scene, seed, logsnr: Math.round(100 * logsnr) / 100, text: rivals.texts[1] };
      ask();
    },
    show({ exact, network }) {
      const { text, logsnr } = JSON.parse(asked);
      ["exact denoiser", "network"].forEach((who, i) => {
        texts[i].textContent = `believed by the ${who}, given “${text}”, at log-SNR ${minusSign(logsnr)}`;
        pictures[i].setAttribute("aria-label", texts[i].textContent);
        paintBytes(pictures[i], [exact, network][i], lab.world.size);
      });
      busy = false;
      ask();
    },
  };
}
