import { make } from "../common/elements.js";
import { canvas, figure } from "./controls.js";
import { clear, paintBytes } from "./painting.js";
import { minusSign } from "./profile.js";

/** What both denoisers believe of one noisy picture without being told the word. */
export function guessesView(lab) {
  const pictures = ["exact", "network"].map((who) => canvas(lab.world.size, `what the ${who} believes`));
  const texts = pictures.map(() => make("figcaption"));
  const element = make("div", { className: "strip" }, ...pictures.map((picture, i) => figure(picture, texts[i])));
  let asked = "";
  return {
    element,
    /** Asks a worker, if the question is new; one that no text answers is not asked. */
    ask(worker, rivals, [high, low]) {
      element.hidden = !rivals;
      if (!rivals) return;
      const { scene, seed } = lab.state;
      const logsnr = Math.min(high, Math.max(low, lab.state.logsnr));
      const question = { scene, seed, logsnr, text: rivals.texts[1] };
      if (asked === JSON.stringify(question)) return;
      asked = JSON.stringify(question);
      pictures.forEach(clear);
      ["exact denoiser", "network"].forEach((who, i) => {
        const told = `believed by the ${who}, not told “${lab.word()}”, at log-SNR ${minusSign(logsnr)}`;
        texts[i].textContent = told;
        pictures[i].setAttribute("aria-label", told);
      });
      lab.workers.ask(worker, "guesses", question);
    },
    show({ exact, network }) {
      [exact, network].forEach((rgba, i) => paintBytes(pictures[i], rgba, lab.world.size));
    },
  };
}
