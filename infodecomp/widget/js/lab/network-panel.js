import { make } from "../common/elements.js";
import { inflated, Packs } from "../common/packs.js";
import { Tally } from "../engine/tally.js";
import { button } from "./controls.js";
import { guessesView } from "./guesses-view.js";
import { numbersTable, verdict } from "./network-numbers.js";

const PACK = "scenes-network";
const MEGABYTES = 8.6; // of its file
const PAIRS = 480; // pairs of draws after which it rests
const WORKERS = 2; // where there are as many cores

/** The trained network beside the exact denoiser: loaded on a click, then asked about the chosen word. */
export function networkPanel(lab) {
  const panel = new NetworkPanel(lab);
  return {
    element: panel.element,
    update: () => panel.update(),
    showEstimate: () => panel.show(),
    add: (answer) => panel.add(answer),
    showGuesses: (answer) => panel.guesses.show(answer),
  };
}

class NetworkPanel {
  constructor(lab) {
    const without = "without it only the exact denoiser is here";
    Object.assign(this, { lab, packs: new Packs(lab.model, lab.onPage, without), workers: [], paused: false });
    this.button = button(`Ask the trained network too (${MEGABYTES} MB)`, () => this.press());
    this.status = make("p", { className: "progress" });
    this.status.setAttribute("role", "status");
    this.table = make("table", { className: "numbers" });
    this.progress = make("p", { className: "progress" });
    this.verdict = make("p", { className: "verdict" });
    this.verdict.setAttribute("aria-live", "polite");
    this.guesses = guessesView(lab);
    this.found = make("div", { hidden: true }, this.table, this.verdict, this.progress, this.guesses.element);
    this.element = make("section", { className: "network" }, this.button, this.status, this.found);
  }

  press() {
    if (!this.workers.length) this.load();
    else if (this.rests()) this.ask();
    else this.pause(!this.paused);
  }

  async load() {
    if (this.loading) return;
    this.loading = true;
    this.status.textContent = `Loading ${MEGABYTES} MB …`;
    try {
      const { halves, ...about } = await this.packs.get(PACK);
      const weights = await inflated(halves);
      if (!this.lab.workers.ended) this.begin({ ...about, halves: weights });
      this.status.textContent = "";
    } catch (error) {
      this.status.textContent = error.message;
    }
    this.loading = false;
  }

  begin(data) {
    const { workers } = this.lab;
    this.logsnrs = data.logsnrs;
    this.workers = Array.from({ length: Math.min(WORKERS, navigator.hardwareConcurrency || 1) }, () => workers.start());
    for (const worker of this.workers) worker.postMessage({ what: "network", data });
    this.found.hidden = false;
    this.update();
  }

  pause(paused) {
    this.paused = paused;
    for (const worker of this.workers) worker.postMessage({ what: "pause", paused });
    this.show();
  }

  /** Asks anew if another word, text, scene or noise is asked about. */
  update() {
    const { state, engine } = this.lab;
    if (!this.workers.length) return;
    const asked = JSON.stringify([state.scene, state.text, state.word, state.seed]);
    if (asked !== this.asked) {
      const unit = engine.units(state.text)[state.word];
      this.rivals = unit ? engine.rivals(state.text, unit) : null;
      const tally = this.rivals && new Tally(this.rivals.logPrior);
      Object.assign(this, { asked, tally, most: 0, paused: false, rates: [] });
      this.ask();
    }
    this.guesses.ask(this.workers[0], this.rivals, this.logsnrs);
    this.show();
  }

  /** Asks for so many pairs of draws, or for more of them. */
  ask() {
    const { workers, state } = this.lab;
    const { scene, seed } = state;
    const from = this.most;
    if (this.rivals) this.most += PAIRS;
    const about = { scene, seed, texts: this.rivals?.texts, most: this.most, workers: this.workers.length };
    workers.askAll(this.workers, "draws", (k) => ({ ...about, first: from + k }));
    this.show();
  }

  rests() {
    return !this.tally || this.tally.draws() === 2 * this.most;
  }

  add({ pair, first, rate, exact, network }) {
    this.tally.add(pair, { exact, network });
    this.rates[first % this.workers.length] = rate;
    requestAnimationFrame(() => this.show());
  }

  show() {
    const { lab, tally, rivals } = this;
    if (!this.workers.length) return;
    const draws = tally?.draws() ?? 0;
    const resting = `${2 * PAIRS} more draws`;
    lab.el.dataset.draws = draws;
    this.button.textContent = this.rests() ? resting : this.paused ? "go on" : "stop the network";
    this.button.hidden = !tally;
    this.table.replaceChildren(...numbersTable(lab, tally, lab.word()));
    const text = tally ? verdict(lab, tally) : `Not asked: ${lab.whyNotAsked()}.`;
    if (this.verdict.textContent !== text) this.verdict.textContent = text; // said once
    const rate = this.rates.reduce((a, b) => a + b, 0);
    const speed = rate ? `, ${Math.round(rate)} evaluations a second` : "";
    this.progress.textContent = tally ? `${draws} draws, the same for both; of the network ${rivals.texts.length}`
      + ` evaluations each${speed}` : "";
  }
}
