import { make } from "../common/elements.js";
import { following } from "../common/following.js";
import { stopsPanel } from "../lab/stops-panel.js";
import { caseOf, storedCase, storedMap } from "./case.js";
import { counting } from "./counting.js";
import { denoising } from "./denoising.js";
import { Faces } from "./faces.js";
import { foot } from "./foot.js";
import { mapView } from "./map-view.js";
import { levelsOf } from "./levels.js";
import { picker } from "./picker.js";
import { formatState, parseState } from "./state.js";
import { Team } from "./team.js";
import { watchNight } from "./night.js";
import { wordsPanel } from "./words-panel.js";
import { World } from "./world.js";

const UNREAD = "The link could not be read; this is the lab as it begins.";
const linked = () => (location.hash.includes("/") ? location.hash.slice(1) : null);

/** A lab in an element: its state, its panels, the pictures once they are asked for, and the workers. */
class Lab {
  constructor(model, el) {
    const { languages, page, pictures, size, stops } = model.get("_guide");
    Object.assign(this, { model, el, languages, pictures, size, stops, first: model.get("_first") });
    this.page = page && !document.querySelector(".emoji-live"); // the address is the first lab's
    this.packs = new Packs(model, page, "without it only this one picture is here");
    this.parse = (text) => parseState(text, languages);
    this.format = formatState;
    this.group = `emoji-${Math.random().toString(36).slice(2)}`;
    this.quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
    Object.assign(this, { world: null, worlds: {}, faces: null, asked: 0 });
    Object.assign(this, { paused: false, running: false, trail: [], drawn: 0 });
    this.take(this.parse(model.get("state")), storedCase);
    const map = storedMap(this.first);
    if (map) this.trail = [map];
  }

  async open() {
    const { el } = this;
    el.classList.add("idc-live", "emoji-live"); // at once: a second lab must see it
    this.firstLevels = await picturesOf(this.first.picture, this.size);
    el.dataset.lmSuppressShortcuts = "true"; // JupyterLab leaves our keys alone
    this.note = make("p", { className: "small note", role: "status" });
    this.fill();
    this.unwatch = watchNight(el, (night) => {
      this.night = night;
      this.map.show();
    });
    const fail = (message) => this.say(`The lab has stopped: ${message}`);
    this.team = new Team(this.model.get("_engine"), (latest) => this.receive(latest), fail);
    this.update();
    if (this.page && linked() !== null) this.followAddress();
  }

  fill() {
    const section = (name, ...parts) => make("section", { className: name }, ...parts);
    this.stopped = stopsPanel(this);
    this.picker = picker(this);
    this.words = wordsPanel(this);
    this.map = mapView(this);
    this.counting = counting(this);
    this.denoising = denoising(this);
    this.foot = foot(this);
    const head = make("h3", { textContent: "By counting" });
    const body = make("div", { className: "body" });
    body.append(
      make("div", { className: "wide" }, ...this.stopped.elements),
      section("pick", ...this.picker.elements, this.note),
      section("stage", ...this.words.elements, ...this.map.elements),
      section("facts", head, ...this.counting.elements, ...this.denoising.elements),
      make("div", { className: "wide" }, ...this.foot.elements),
    );
    this.el.append(body);
  }

  close() {
    this.unwatch?.();
    this.team?.close();
  }

  say(line) {
    this.note.textContent = line;
  }

  /** The world in the state's language, and the pictures: fetched if they are not there yet; then `act`, if any. */
  async withWorld(act, language = this.state.language) {
    if (!this.world && language !== this.state.language) await this.withWorld(); // first what is shown
    let world;
    try {
      world = await (this.worlds[language] ??= this.fetchWorld(language));
    } catch (error) {
      delete this.worlds[language]; // another try is allowed
      this.say(error.message);
      return;
    }
    if (!this.world) {
      this.world = world;
      this.picker.open();
      this.take(this.state);
      this.update();
    }
    await act?.(world);
  }

  async fetchWorld(language) {
    if (!this.faces) this.say("Fetching the pictures of all emoji, 2 MB …");
    const needed = [this.pictures, `emoji-names-${language}`];
    const [pictures, names] = await Promise.all(needed.map((name) => this.packs.get(name)));
    await (this.dressed ??= this.dress(pictures));
    this.say("");
    return new World(pictures, names, language);
  }

  async dress(pictures) {
    this.faces = new Faces(await levelsOf(pictures), this.size);
    await this.faces.dress(this.el);
  }

  /** Makes this the state, and counts. */
  take(state, count = (_, s) => caseOf(this.world, s)) {
    this.case = count(this.first, state);
    this.state = state;
    this.address = formatState(state);
    this.truth = this.case.words.find(({ key }) => key === state.word)?.nats ?? 0;
  }

  /** Changes parts of the state, on the reader's behalf; a word that is clicked again is measured again. */
  change(parts, always) {
    const number = (this.asked += 1);
    return this.withWorld((world) => {
      if (number !== this.asked) return; // the reader has gone on
      const next = this.checked({ ...this.state, ...parts }, world);
      if (!next || (!always && formatState(next) === this.address && this.running)) return;
      this.settle(next, world);
      this.model.set("state", this.address);
      this.model.save_changes();
      if (this.page) history.replaceState(null, "", `#${this.address}`);
    }, parts.language);
  }

  /** The state with its names as the world has them; null, and a line that says why, if something is not there. */
  checked(state, world) {
    if (world.find(state.name) === undefined) return null;
    const name = world.nameOf(state.name);
    const caption = state.caption === name ? "" : state.caption;
    const keys = world.wordsOf(caption || name).map(([key]) => key);
    const refusal = caption ? world.refusal(keys) : "";
    this.words.refuse(refusal);
    if (refusal || (state.word && !keys.includes(state.word))) return null;
    return { ...state, name, caption };
  }

  settle(state, world = this.world) {
    if (world !== this.world) {
      this.world = world;
      this.picker.open();
    }
    this.take(state);
    this.measure();
    this.update();
  }

  translate(language) {
    const { picture } = this.case;
    this.withWorld((world) => {
      const at = picture ?? this.world.find(this.state.name);
      return this.change({ name: world.names[at][0], word: "", caption: "", language });
    }, language);
  }

  /** Python has changed the state. */
  followModel() {
    const next = this.parse(this.model.get("state"));
    if (next && formatState(next) !== this.address) this.change(next);
  }

  /** The reader has changed the address, or came by a link. */
  followAddress() {
    const link = linked();
    if (link === null) return;
    const next = this.parse(link);
    if (!next) return this.say(UNREAD);
    if (formatState(next) === this.address) return;
    this.withWorld((world) => (this.checked(next, world) ? this.change(next) : this.say(UNREAD)), next.language);
  }

  measure() {
    Object.assign(this, { trail: [], paused: false, running: false, drawn: 0 });
    this.team.end();
    if (!(this.truth > 0) || !Number.isFinite(this.truth)) return;
    const { context, picture, fits } = this.case;
    const places = [picture, ...context.filter((k) => k !== picture)];
    const marks = Uint8Array.from(places, (k) => Number(fits.has(k)));
    this.running = true;
    this.team.measure({ levels: this.faces.pictures(places), fits: marks, seed: this.state.seed, slowly: !this.quiet });
  }

  restart() {
    this.change({ seed: (this.state.seed + 1) % 2 ** 32 }, true);
  }

  pause(paused) {
    this.paused = paused;
    this.team.pause(paused);
    this.denoising.show();
  }

  receive(latest) {
    this.trail.push(latest);
    this.running = !latest.done;
    if (this.quiet && !latest.done && performance.now() < this.drawn + 1000) return;
    this.drawn = performance.now();
    requestAnimationFrame(() => this.show());
  }

  get latest() {
    return this.trail.at(-1);
  }

  /** The levels of the chosen picture. */
  levels() {
    return this.world ? this.faces.picture(this.case.picture) : this.firstLevels;
  }

  /** A small picture. */
  face({ picture, url }) {
    if (picture !== undefined && this.faces) return this.faces.face(picture);
    return make("img", { className: "face", src: url ?? this.first.picture, alt: "" });
  }

  update() {
    for (const panel of [this.stopped, this.picker, this.words, this.counting, this.foot]) panel.update();
    this.show();
  }

  show() {
    const { el, latest } = this;
    Object.assign(el.dataset, { draws: latest?.draws ?? 0, done: Boolean(latest?.done), state: this.address });
    this.map.show();
    this.denoising.show();
  }
}

/** The levels of a picture that stands in the page. */
async function picturesOf(url, size) {
  const image = make("img", { src: url });
  await image.decode();
  const canvas = make("canvas", { width: size, height: size });
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, size, size).data.filter((_, i) => i % 4 < 3);
}

const render = ({ model, el }) => following(new Lab(model, el), model);

export default { render };
