import { palettes } from "../common/colours.js";
import { make } from "../common/elements.js";
import { following } from "../common/following.js";
import { makeEngine } from "../engine/engine.js";
import { flowView } from "./flow-view.js";
import { linkLine } from "./link-line.js";
import { morePanel } from "./more-panel.js";
import { networkPanel } from "./network-panel.js";
import { numbersPanel } from "./numbers-panel.js";
import { stagePanel } from "./stage-panel.js";
import { formatState, parseState, questionName } from "./state.js";
import { stopsPanel } from "./stops-panel.js";
import { wordsPanel } from "./words-panel.js";
import { Workers } from "./workers.js";

const MOST = 1600; // samples after which an estimate rests
const LINK = "#lab:"; // what the address of a state begins with
const linked = () => (location.hash.startsWith(LINK) ? location.hash.slice(LINK.length) : null);

/** A lab in an element: its state, its panels, and the workers that compute for it. */
class Lab {
  constructor(model, el) {
    const { stops, colours, page } = model.get("_guide");
    Object.assign(this, { model, el, stops, world: model.get("_world") });
    this.onPage = page; // without a kernel
    this.page = page && !document.querySelector(".lab-live"); // the address is the first lab's
    this.engine = makeEngine(this.world);
    this.palettes = palettes(colours);
    this.group = `lab-${Math.random().toString(36).slice(2)}`;
    this.quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.form = 0; // which of a scene's captions, by their order
    this.estimate = null; // the newest answer of the worker that estimates
    this.paused = false;
    this.asked = {}; // what the workers were asked last
    this.looking = false;
    this.parse = (text) => parseState(this.engine, this.world, text);
    this.format = (state) => formatState(this.world, state);
    const link = this.page ? linked() : null;
    this.unread = link !== null && !this.parse(link);
    this.take((link !== null && this.parse(link)) || this.parse(model.get("state")) || this.parse(stops[0].state));
    this.panels = panelsOf(this);
  }

  /** Fills the element and begins to compute. */
  open() {
    const { el, panels } = this;
    el.classList.add("idc-live", "lab-live");
    el.dataset.lmSuppressShortcuts = "true"; // JupyterLab leaves our keys alone
    const failed = make("p", { className: "failed", role: "alert" });
    el.append(
      make("div", {}, ...panels.stops.elements),
      panels.stage.element,
      panels.flow.played,
      ...panels.words.elements,
      make("div", {}, ...panels.numbers.elements),
      panels.network.element,
      panels.more.element,
      failed,
      make("p", {}, ...panels.link.elements),
    );
    const fail = (message) => (failed.textContent = `The lab has stopped: ${message}`);
    this.workers = new Workers(this.model.get("_engine"), this.world, this.receivers(), fail);
    this.update();
    if (this.unread) panels.stops.warn("The link could not be read; this is the lab as it begins.");
  }

  close() {
    this.workers.end();
  }

  /** What to do with the answers of the workers. */
  receivers() {
    return {
      estimate: (answer) => {
        this.estimate = answer;
        requestAnimationFrame(() => this.showEstimate());
      },
      look: (answer) => {
        this.looking = false;
        this.panels.more.showLook(answer);
        this.look();
      },
      play: (frame) => this.panels.flow.add(frame),
      draws: (answer) => this.panels.network.add(answer),
      guesses: (answer) => this.panels.network.showGuesses(answer),
    };
  }

  take(state) {
    this.state = state;
    this.address = this.format(state);
    const form = this.engine.captions(state.scene).indexOf(state.text);
    if (form >= 0) this.form = form;
  }

  /** The caption of a scene that has the chosen form. */
  caption(scene) {
    return this.engine.captions(scene)[this.form];
  }

  /** Changes parts of the state, on the reader's behalf. */
  change(parts) {
    const next = { ...this.state, ...parts };
    if (parts.scene && !("text" in parts)) next.text = this.caption(next.scene);
    next.word = Math.min(next.word, Math.max(0, this.engine.units(next.text).length - 1));
    this.take(next);
    this.model.set("state", this.address);
    this.model.save_changes();
    this.update();
    clearTimeout(this.readdressing); // browsers refuse an address that changes with every step of a slider
    const readdress = () => history.replaceState(null, "", LINK + this.address);
    if (this.page) this.readdressing = setTimeout(readdress, 200);
  }

  changeScene(parts) {
    this.change({ scene: { ...this.state.scene, ...parts } });
  }

  /** Python has changed the state. */
  followModel() {
    const next = this.parse(this.model.get("state"));
    if (!next || this.format(next) === this.address) return;
    this.take(next);
    this.update();
  }

  /** The reader has changed the address. */
  followAddress() {
    const link = linked();
    if (link === null) return;
    clearTimeout(this.readdressing); // the reader's address is newer
    const next = this.parse(link);
    if (!next) this.panels.stops.warn("The link could not be read.");
    else if (this.format(next) !== this.address) this.change(next);
  }

  update() {
    this.askSampler();
    for (const panel of Object.values(this.panels)) panel.update?.();
    if (this.estimate) this.showEstimate();
    this.look();
  }

  showEstimate() {
    const { el, estimate, panels } = this;
    if (!estimate) return;
    Object.assign(el.dataset, { samples: estimate.samples, paused: Boolean(estimate.paused) });
    for (const panel of Object.values(panels)) panel.showEstimate?.();
  }

  /** Tells the sampler which map is looked at, and asks for another estimate if scene, text or seed are new. */
  askSampler() {
    const { state, workers, asked } = this;
    const view = { what: "view", name: questionName(state), kind: state.kind };
    if (asked.view !== JSON.stringify(view)) workers.sampler.postMessage(view);
    asked.view = JSON.stringify(view);
    const estimate = JSON.stringify([state.scene, state.text, state.seed]);
    if (asked.estimate === estimate) return;
    asked.estimate = estimate;
    Object.assign(this, { estimate: null, paused: false });
    Object.assign(this.el.dataset, { samples: 0, paused: false });
    workers.ask(workers.sampler, "estimate", { ...state, most: MOST });
  }

  /** Asks for the noisy picture of the state, one at a time. */
  look() {
    const { scene, text, logsnr, seed, kind } = this.state;
    const key = JSON.stringify([scene, text, questionName(this.state), logsnr, seed, kind]);
    if (this.looking || this.asked.look === key) return;
    this.looking = true;
    this.asked.look = key;
    this.askViewer("look");
  }

  askViewer(what, more) {
    const { state, workers } = this;
    workers.ask(workers.viewer, what, { ...state, ...more, name: questionName(state) });
  }

  pause(paused) {
    this.paused = paused;
    this.workers.sampler.postMessage({ what: "pause", paused });
  }

  /** Map and profile of the question, if the newest answer is about it. */
  view() {
    const { estimate, state } = this;
    const fits = estimate?.shown.name === questionName(state) && estimate.shown.kind === state.kind;
    return fits ? estimate.view : null;
  }

  /** Whether that answer is on its way: the worker knows the question, and has to look up its map. */
  comes() {
    return this.estimate?.samples > 0 && this.estimate.names.includes(questionName(this.state));
  }

  /** The chosen word; undefined where there is none. */
  word() {
    return this.engine.units(this.state.text)[this.state.word]?.[2];
  }

  whyNotAsked() {
    return this.state.text ? "the grammar never makes one of the two texts" : "there is no word";
  }

  /** What the two denoisers of the question are given, in words. */
  prompts() {
    const { engine, state } = this;
    const unit = engine.units(state.text)[state.word];
    const rest = unit ? engine.replaced(state.text, unit, "") : "";
    const given = {
      caption: "nothing",
      MI: "nothing",
      CMI: rest ? `“${rest}”` : "nothing",
      against: "the word’s alternatives",
      order: "its words in any order",
    };
    return [state.question === "MI" && unit ? `“${unit[2]}”` : `“${state.text}”`, given[state.question]];
  }
}

/** What the lab is made of, from top to bottom. */
function panelsOf(lab) {
  const flow = flowView(lab);
  const stage = stagePanel(lab, flow);
  return {
    stops: stopsPanel(lab),
    stage,
    flow,
    words: wordsPanel(lab),
    numbers: numbersPanel(lab),
    network: networkPanel(lab),
    more: morePanel(lab, stage.hide),
    link: linkLine(lab),
  };
}

const render = ({ model, el }) => following(new Lab(model, el), model);

export default { render };
