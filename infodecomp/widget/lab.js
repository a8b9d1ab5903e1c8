/** In a worker: estimates sweep by sweep, what a noisy picture makes two conditions believe, and flows. */
function serve(makeEngine) {
  let engine = null;
  const jobs = {}; // by kind; a new one ends the old
  const chosen = { name: "caption", kind: "orthogonal" };
  const show = ({ estimator, id, rate, paused }) =>
    postMessage({
      what: "estimate", id, paused, names: estimator.names, exact: estimator.exact, density: estimator.density, samples: estimator.samples(), rate,
      conditions: estimator.conditions, shown: { ...chosen },
      orthogonal: estimator.totals("orthogonal"), standard: estimator.totals("standard"), view: estimator.view(chosen.name, chosen.kind),
    });
  const start = {
    world: ({ data }) => (engine = makeEngine(data)),
    estimate({ scene, text, seed, most }, job) {
      job.estimator = engine.estimator(scene, text, seed);
      job.spent = 0;
      job.step = () => {
        const before = performance.now();
        const whole = job.estimator.step();
        job.spent += performance.now() - before;
        if (!whole) return true;
        job.rate = (1000 * job.estimator.samples() * job.estimator.conditions) / job.spent;
        show(job);
        return job.estimator.samples() < most;
      };
      show(job);
    },
    view({ name, kind }) {
      Object.assign(chosen, { name, kind });
      if (jobs.estimate) show(jobs.estimate);
    },
    pause({ paused }) {
      if (jobs.estimate) show(Object.assign(jobs.estimate, { paused }));
    },
    look({ scene, text, name, logsnr, seed, id }) {
      postMessage({ what: "look", id, ...engine.look(scene, text, name, logsnr, seed) });
    },
    play({ scene, text, name, seed, steps, id }, job) {
      const { names, pairs, rows } = engine.questions(scene, text);
      if (!names.includes(name)) return postMessage({ what: "play", id, steps: 0, step: 0, pictures: [] });
      const noise = engine.gaussian(seed, 3);
      const flows = pairs[names.indexOf(name)].map((c) => engine.flow(noise, rows[c], steps));
      job.step = () => {
        const now = flows.map((f) => f.next());
        if (now[0].done) return false;
        const pictures = now.map(({ value: { y, sigma } }) => engine.rgba(y.map((v) => v / Math.sqrt(1 + sigma ** 2))));
        postMessage({ what: "play", id, step: now[0].value.step, steps, pictures });
        return true;
      };
    },
  };
  function run() {
    let waiting = false;
    const until = performance.now() + 20;
    for (const [kind, job] of Object.entries(jobs)) {
      while (job.step && !job.paused && performance.now() < until) if (!job.step()) delete jobs[kind].step;
      waiting ||= job.step && !job.paused;
    }
    running = waiting;
    if (waiting) setTimeout(run);
  }
  let running = false;
  onmessage = ({ data: message }) => {
    const { what } = message;
    const job = { id: message.id };
    if (["estimate", "play"].includes(what)) jobs[what] = job;
    start[what](message, job);
    if (!running) run();
  };
}

const KEYS = ["layout", "sky", "first", "second", "text", "word", "question", "kind", "seed", "logsnr"]; // of a state
const MOST = 1600; // samples after which an estimate rests
const STEPS = 40;
const QUESTIONS = {
  caption: "the caption, against nothing",
  MI: "the word alone, against nothing",
  CMI: "the caption, against itself without the word",
  against: "the caption, against the word’s alternatives",
  order: "the caption, against its words in any order",
};

function render({ model, el }) {
  const world = model.get("_world");
  const { stops, colours, page: inPage } = model.get("_guide");
  const page = inPage && !document.querySelector(".lab-live"); // the address is the first lab's
  const engine = makeEngine(world);
  const palettes = Object.fromEntries(Object.entries(colours).map(([name, table]) => [name, palette(table)]));
  const group = `lab-${Math.random().toString(36).slice(2)}`;
  const quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const { size } = world;

  // ---- the state is one text, which is also the link ----
  const LAYOUTS = ["beside-near", "beside-far", "stacked-near", "stacked-far"];
  const thing = (n) => [world.things[n][1], world.things[n][2], world.things[n][0]].join(" ");
  const thingNumber = (text) => world.things.findIndex((_, n) => thing(n) === text);
  function parse(text) {
    const p = new URLSearchParams(text);
    if (!KEYS.every((key) => p.has(key)) || ![p.get("word"), p.get("seed")].every((v) => /^\d+$/.test(v)) || !/\d/.test(p.get("logsnr"))) return null;
    const layout = LAYOUTS.indexOf(p.get("layout"));
    const scene = {
      axis: layout >> 1, far: layout & 1, night: world.vocabulary.time.indexOf(p.get("sky")),
      first: thingNumber(p.get("first")), second: thingNumber(p.get("second")),
    };
    const state = { scene, text: p.get("text") ?? "", word: Number(p.get("word")), question: p.get("question"), kind: p.get("kind"), seed: Number(p.get("seed")), logsnr: Number(p.get("logsnr")) };
    const valid =
      Object.values(scene).every((v) => v >= 0) && scene.first >> 3 !== scene.second >> 3 && engine.possible(state.text) && Object.hasOwn(QUESTIONS, state.question) &&
      ["orthogonal", "standard"].includes(state.kind) && state.seed < 2 ** 32 && state.logsnr >= -16 && state.logsnr <= 8 &&
      state.word < Math.max(1, engine.units(state.text).length);
    return valid ? state : null;
  }
  const format = ({ scene, text, word, question, kind, seed, logsnr }) =>
    new URLSearchParams({
      layout: LAYOUTS[2 * scene.axis + scene.far], sky: world.vocabulary.time[scene.night], first: thing(scene.first), second: thing(scene.second),
      text, word, question, kind, seed, logsnr,
    }).toString();
  const fromLink = page && location.hash.startsWith("#lab:") ? location.hash.slice(5) : null;
  const first = parse(stops[0].state);
  let form = 0; // which of a scene's captions, by their order
  let state;
  let followed; // the state as text
  function take(next) {
    [state, followed] = [next, format(next)];
    const place = engine.captions(state.scene).indexOf(state.text);
    if (place >= 0) form = place;
  }
  take((fromLink !== null && parse(fromLink)) || parse(model.get("state")) || first);
  function change(patch) {
    const next = { ...state, ...patch };
    if (patch.scene && !("text" in patch)) next.text = engine.captions(next.scene)[form];
    next.word = Math.min(next.word, Math.max(0, engine.units(next.text).length - 1));
    take(next);
    model.set("state", followed);
    model.save_changes();
    update();
    clearTimeout(addressed); // browsers refuse an address that changes with every step of a slider
    if (page) addressed = setTimeout(() => history.replaceState(null, "", `#lab:${followed}`), 200);
  }
  let addressed;
  const name = () => (["caption", "order"].includes(state.question) ? state.question : `${state.question} ${state.word}`);

  // ---- workers: one estimates, one answers the reader's finger ----
  const blob = URL.createObjectURL(new Blob([`(${serve})(${makeEngine})`], { type: "text/javascript" }));
  const workers = { sampler: new Worker(blob), viewer: new Worker(blob) };
  for (const worker of Object.values(workers)) {
    worker.postMessage({ what: "world", data: world });
    worker.onerror = ({ message }) => (el.querySelector(".failed").textContent = `The lab has stopped: ${message}`);
    worker.onmessage = ({ data: message }) => message.id === ids[message.what] && receive[message.what](message);
  }
  const ids = { estimate: 0, look: 0, play: 0 };
  let estimate = null;
  let paused = false;
  let asked = "";
  let viewed = "";
  let looked = "";
  let looking = false;
  const receive = {
    estimate(message) {
      estimate = message;
      requestAnimationFrame(showEstimate);
    },
    look(message) {
      looking = false;
      showLook(message);
      if (looked !== lookKey()) look();
    },
    play: (message) => showPlay(message),
  };
  const lookKey = () => JSON.stringify([state.scene, state.text, name(), state.logsnr, state.seed, state.kind]);
  function look() {
    if (looking) return;
    [looking, looked] = [true, lookKey()];
    workers.viewer.postMessage({ what: "look", id: (ids.look += 1), ...state, name: name() });
  }

  // ---- pieces ----
  const canvas = (side, label) => {
    const element = make("canvas", { width: side, height: side });
    if (label) {
      element.setAttribute("role", "img");
      element.setAttribute("aria-label", label);
    }
    return element;
  };
  const paintBytes = (target, rgba) => target.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(rgba), size, size), 0, 0);
  function paintMap(target, map, low, high, cover = () => true) {
    const image = new ImageData(size, size);
    const packed = new Uint32Array(image.data.buffer);
    const table = palettes[low < 0 ? "signed" : "positive"];
    map.forEach((v, i) => (packed[i] = cover(i) ? table[Math.min(255, Math.max(0, Math.round(((v - low) / (high - low)) * 255)))] : 0));
    target.getContext("2d").putImageData(image, 0, 0);
  }
  const TINY = 1e-9; // what rounding leaves of nothing
  const extent = (values, errors) => {
    const high = values.reduce((m, v, i) => Math.max(m, Math.abs(v) + (errors?.[i] ?? 0)), 0);
    return high > TINY ? high : 1;
  };
  const range = (map) => {
    const high = extent(map);
    return [state.kind === "standard" ? -high : 0, high];
  };
  const nats = (v) => (v === -Infinity ? "−∞" : v === Infinity ? "∞" : Number.isNaN(v) ? "undefined" : minus(v.toFixed(3)));
  const fieldset = (title, ...children) => make("fieldset", {}, make("legend", { textContent: title }), ...children);
  function radio(field, value, label, set) {
    const input = make("input", { type: "radio", name: `${group}-${field}`, value });
    input.addEventListener("change", () => set(value));
    return make("label", { className: "kind" }, input, label);
  }
  function select(label, options, set) {
    const element = make("select");
    element.append(...options.map((o) => make("option", { value: o, textContent: o })));
    element.addEventListener("change", () => set(element.value));
    return make("label", {}, label, element);
  }
  const button = (text, act) => {
    const element = make("button", { type: "button", textContent: text });
    element.addEventListener("click", act);
    return element;
  };

  // ---- guided stops ----
  const told = make("div", { className: "told" });
  const stopList = make("fieldset", { className: "stops" }, make("legend", { textContent: "Guided stops" }), ...stops.map((stop, i) =>
    radio("stop", i, `${i + 1}. ${stop.title}`, () => change(parse(stop.state))),
  ));
  const addresses = stops.map((stop) => format(parse(stop.state)));
  let shownStop = -1;
  function showStop() {
    const at = addresses.indexOf(followed);
    el.querySelectorAll(`input[name="${group}-stop"]`).forEach((input, i) => (input.checked = i === at));
    if (at < 0 || at === shownStop) return; // what was asked stays while the reader tries things out
    shownStop = at;
    const answer = make("details", {}, make("summary", { textContent: "Answer" }), make("p", { textContent: stops[at].answer }));
    told.replaceChildren(make("p", { textContent: stops[at].sentence }), make("p", { className: "question", textContent: stops[at].question }), answer);
  }
  told.setAttribute("aria-live", "polite");
  function unread(text) {
    told.textContent = text;
    shownStop = -1;
  }

  // ---- the scene ----
  const sceneCanvas = canvas(size, "");
  const layoutRadios = fieldset("places", ...LAYOUTS.map((l, i) => radio("layout", l, l.replace("-", ", "), () => change({ scene: { ...state.scene, axis: i >> 1, far: i & 1 } }))));
  const skyRadios = fieldset("sky", ...world.vocabulary.time.map((s, i) => radio("sky", s, s, () => change({ scene: { ...state.scene, night: i } }))));
  const objects = ["first", "second"].map((which) => {
    const other = which === "first" ? "second" : "first";
    const set = (noun, position, colour) => change({ scene: { ...state.scene, [which]: 8 * noun + 4 * position + colour } });
    const now = () => [state.scene[which] >> 3, (state.scene[which] >> 2) & 1, state.scene[which] & 3];
    const nouns = select("", world.vocabulary.noun, (noun) => set(world.vocabulary.noun.indexOf(noun), now()[1], now()[2]));
    nouns.lastChild.setAttribute("aria-label", `${which} object`);
    const states = make("span", { className: "choices" });
    const colour = make("span", { className: "choices" }, ...world.vocabulary.colour.map((c, i) => {
      const label = radio(`${which}-colour`, c, c, () => set(now()[0], now()[1], i));
      label.style.setProperty("--swatch", world.colours[c]);
      label.classList.add("swatch");
      return label;
    }));
    const title = make("legend");
    const show = () => {
      const [noun, position, c] = now();
      title.textContent = state.scene.axis ? (which === "first" ? "upper object" : "lower object") : which === "first" ? "left object" : "right object";
      nouns.lastChild.value = world.vocabulary.noun[noun];
      [...nouns.lastChild.options].forEach((o, i) => (o.disabled = i === state.scene[other] >> 3));
      const own = world.states[world.vocabulary.noun[noun]];
      if (states.dataset.noun !== String(noun)) {
        states.dataset.noun = noun;
        states.replaceChildren(...own.map((s, i) => radio(`${which}-state`, s, s, () => set(now()[0], i, now()[2]))));
      }
      [...states.querySelectorAll("input")].forEach((input, i) => (input.checked = i === position));
      [...colour.querySelectorAll("input")].forEach((input, i) => (input.checked = i === c));
    };
    return { element: make("fieldset", {}, title, nouns, states, colour), show };
  });
  const chance = button("another scene", () => {
    const draw = (n) => Math.floor(Math.random() * n);
    const first = draw(64);
    const second = (8 * ((first >> 3) + 1 + draw(7)) + draw(8)) % 64;
    change({ scene: { axis: draw(2), far: draw(2), night: draw(2), first, second } });
  });

  // ---- the caption ----
  const captionSelect = select("a caption of the scene", [], (text) => change({ text }));
  const words = make("fieldset", { className: "caption" });
  const editing = make("div", { className: "edit" });
  function showWords() {
    const units = engine.units(state.text);
    words.replaceChildren(make("legend", { textContent: `Words, in nats (${state.kind === "standard" ? "iˢ" : "i°"} alone, and after the rest; | exact)` }), ...units.map(([, , text], i) => {
      const label = radio("word", i, make("span", {}, make("bdi", { textContent: text }), ...["MI", "CMI"].map((kind) => make("span", { className: "total" }))), () => change({ word: i }));
      label.classList.add("word");
      label.querySelector("input").checked = i === state.word;
      return label;
    }));
    const unit = units[state.word];
    if (!unit) return editing.replaceChildren("Nothing is said.");
    const variants = engine.wordings(state.text, unit);
    const replace = select(`replace “${unit[2]}” by`, variants.map((v) => v.word), (word) => change({ text: variants.find((v) => v.word === word).text }));
    replace.lastChild.value = unit[2];
    const shorter = engine.replaced(state.text, unit, "");
    const drop = button(`drop “${unit[2]}”`, () => change({ text: shorter }));
    drop.disabled = !engine.possible(shorter);
    const keep = button(`keep only “${unit[2]}”`, () => change({ text: unit[2], word: 0 }));
    keep.disabled = !engine.possible(unit[2]) || units.length === 1;
    const whole = button("back to the caption", () => change({ text: engine.captions(state.scene)[form] }));
    whole.disabled = state.text === engine.captions(state.scene)[form];
    editing.replaceChildren(replace, drop, keep, whole);
  }
  function showBars() {
    const reach = Math.max(1e-9, ...estimate.names.flatMap((n, q) => (/^C?MI/.test(n) ? [estimate[state.kind][q][0], estimate.exact[q]] : [])).filter(Number.isFinite));
    [...words.querySelectorAll(".word")].forEach((label, i) => {
      ["MI", "CMI"].forEach((kind, k) => {
        const q = estimate.names.indexOf(`${kind} ${i}`);
        const total = label.querySelectorAll(".total")[k];
        if (q < 0) return total.replaceChildren(`${kind} –`);
        const [value, error] = estimate[state.kind][q];
        const known = estimate.samples > 0;
        const bar = make("span", { className: "track" });
        const mark = (className, from, to) => {
          const piece = make("span", { className });
          const place = (v) => (100 * Math.min(Math.max(0, v), 1.5 * reach)) / reach;
          piece.style.left = `${place(from)}%`;
          piece.style.width = `${place(to) - place(from)}%`;
          bar.append(piece);
        };
        if (known) mark("fill", 0, value);
        if (known) mark("error", value - error, value + error);
        if (estimate.exact[q] >= 0) mark("exact", estimate.exact[q], estimate.exact[q]);
        const exact = Number.isNaN(estimate.exact[q]) ? "–" : nats(estimate.exact[q]);
        total.replaceChildren(`${kind} ${known ? measured(value, error, 2) : "…"} | ${exact}`, bar);
      });
    });
  }

  // ---- the question, its numbers and its map ----
  const questions = fieldset("Question", ...Object.entries(QUESTIONS).map(([q, text]) => radio("question", q, text, () => change({ question: q }))));
  const kindRadios = fieldset("Estimator", radio("kind", "orthogonal", "i°, never negative", () => change({ kind: "orthogonal" })), radio("kind", "standard", "iˢ, unbiased", () => change({ kind: "standard" })));
  const table = make("table", { className: "numbers" });
  const progress = make("p", { className: "progress" });
  const pause = button("pause", () => {
    paused = !paused;
    pause.textContent = paused ? "go on" : "pause";
    workers.sampler.postMessage({ what: "pause", paused });
  });
  const mapCanvas = make("canvas", { width: size, height: size });
  const unasked = () => (state.text ? "the grammar never makes one of the two texts" : "there is no word");
  const shownView = () => (estimate?.shown.name === name() && estimate.shown.kind === state.kind ? estimate.view : null);
  let cell = null;
  const pointed = cells(mapCanvas, size, size, (to) => {
    cell = to;
    readout.setAttribute("aria-live", "polite"); // the reader asked; what the estimate changes is not announced
    showReadout();
  });
  const hideBox = make("input", { type: "checkbox" });
  hideBox.addEventListener("change", () => showMap());
  const hide = make("label", {}, hideBox, "hide cells below two standard errors");
  const bar = make("canvas", { width: 256, height: 1 });
  bar.setAttribute("aria-hidden", "true");
  const ticks = make("div", { className: "ticks" });
  const per = make("div", { className: "unit", textContent: "nats per cell" });
  const readout = make("output");
  function showReadout() {
    const view = shownView();
    const what = `${QUESTIONS[state.question]}: `;
    if (!view) readout.textContent = "";
    else if (cell) {
      const i = cell[0] * size + cell[1];
      readout.textContent = `row ${cell[0] + 1}, column ${cell[1] + 1}: ${measured(view.map[i], view.error[i])} nats`;
    } else readout.textContent = `${what}point at a cell`;
  }
  function showMap() {
    const view = shownView();
    mapCanvas.setAttribute("aria-label", `Map of nats: ${QUESTIONS[state.question]}. Arrow keys read a cell.`);
    if (!view) {
      mapCanvas.getContext("2d").clearRect(0, 0, size, size);
      ticks.replaceChildren();
      return showReadout();
    }
    const [low, high] = range(view.map);
    paintMap(mapCanvas, view.map, low, high, (i) => !hideBox.checked || Math.abs(view.map[i]) > 2 * view.error[i]);
    const strip = new ImageData(256, 1);
    new Uint32Array(strip.data.buffer).set(palettes[low < 0 ? "signed" : "positive"]);
    bar.getContext("2d").putImageData(strip, 0, 0);
    ticks.replaceChildren(...[low, (low + high) / 2, high].map((v) => make("span", { textContent: number(v, high / 2) })));
    showReadout();
  }
  function showNumbers() {
    const q = estimate.names.indexOf(name());
    const row = (head, value) => make("tr", {}, make("th", { scope: "row", textContent: head }), make("td", { textContent: value }));
    const known = estimate.samples > 0;
    const estimated = (kind) => (known ? `${measured(...estimate[kind][q], 3)} nats` : "…");
    progress.textContent = "";
    if (q < 0) return table.replaceChildren(row("not asked", unasked()));
    const unfit = !Number.isFinite(estimate.exact[q]);
    table.replaceChildren(
      row("exact, by counting", `${nats(estimate.exact[q])} nats`),
      ...(unfit ? [row("exact, of blurred pictures", `${nats(estimate.density[q])} nats`)] : []),
      row("iˢ, estimated", estimated("standard")),
      row("i°, estimated", estimated("orthogonal")),
    );
    const rate = estimate.rate ? `, ${Math.round(estimate.rate).toLocaleString("en")} evaluations a second` : "";
    progress.textContent = `${estimate.samples} samples of noise, ${estimate.conditions} evaluations each${rate}`;
  }

  // ---- where on the log-SNR axis ----
  const SVG = "http://www.w3.org/2000/svg";
  const svg = (tag, attributes) => {
    const element = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const plot = svg("svg", { viewBox: "0 0 360 90", role: "img", preserveAspectRatio: "none", class: "profile" });
  const axis = make("div", { className: "ticks" }, ...[-16, -12, -8, -4, 0, 4, 8].map((v) => make("span", { textContent: String(v).replace("-", "−") })));
  const most = make("p", { className: "progress" });
  function showProfile() {
    const view = shownView();
    const shapes = [];
    most.textContent = "";
    plot.setAttribute("aria-label", "Information by log-SNR: not yet known");
    if (view) {
      const high = extent(view.profile, view.profileError);
      const low = state.kind === "standard" ? -high : 0;
      const y = (v) => 88 - (86 * (v - low)) / (high - low);
      view.profile.forEach((v, i) => {
        shapes.push(svg("rect", { x: 10 * i + 1, width: 8, y: Math.min(y(v), y(0)), height: Math.abs(y(v) - y(0)), class: "fill" }));
        shapes.push(svg("line", { x1: 10 * i + 5, x2: 10 * i + 5, y1: y(v - view.profileError[i]), y2: y(v + view.profileError[i]), class: "error" }));
      });
      shapes.push(svg("line", { x1: 0, x2: 360, y1: y(0), y2: y(0), class: "axis" }));
      const peak = view.profile.reduce((best, v, i) => (Math.abs(v) > Math.abs(view.profile[best]) ? i : best), 0);
      const where = (view.low + (peak + 0.5) * view.step).toFixed(1).replace("-", "−");
      most.textContent = Math.abs(view.profile[peak]) <= TINY ? "Nothing arises." : `Most at log-SNR ${where}: ${measured(view.profile[peak], view.profileError[peak])} nats per nat of log-SNR.`;
      plot.setAttribute("aria-label", `Information by log-SNR, −16 to 8. ${most.textContent}`);
    }
    const x = 15 * (state.logsnr + 16);
    plot.replaceChildren(...shapes, svg("line", { x1: x, x2: x, y1: 0, y2: 90, class: "here" }));
  }
  function showEstimate() {
    if (!estimate) return;
    Object.assign(el.dataset, { samples: estimate.samples, paused: Boolean(estimate.paused) });
    readout.setAttribute("aria-live", "off");
    showBars();
    showNumbers();
    showMap();
    showProfile();
  }

  // ---- under the finger, and the flow ----
  const slider = make("input", { type: "range", min: -16, max: 8, step: 0.25 });
  slider.setAttribute("aria-label", "log-SNR of the noisy picture");
  slider.addEventListener("input", () => change({ logsnr: Number(slider.value) }));
  const level = make("span", { className: "level" });
  const looks = ["noisy", "y", "given", "difference"].map((label) => canvas(size, label));
  const lookTexts = ["the noisy picture", "", "", ""].map((textContent) => make("figcaption", { textContent }));
  const lookRow = make("div", { className: "row" }, ...looks.map((c, i) => make("figure", {}, c, lookTexts[i])));
  function prompts() {
    const unit = engine.units(state.text)[state.word];
    const whole = `“${state.text}”`;
    const given = { caption: "nothing", MI: "nothing", order: "its words in any order", against: "the word’s alternatives" };
    const less = unit ? engine.replaced(state.text, unit, "") : "";
    return [state.question === "MI" && unit ? `“${unit[2]}”` : whole, given[state.question] ?? (less ? `“${less}”` : "nothing")];
  }
  function showLook(message) {
    paintBytes(looks[0], message.noisy);
    if (!message.y) {
      looks.slice(1).forEach((c, i) => {
        c.getContext("2d").clearRect(0, 0, size, size);
        lookTexts[i + 1].textContent = i ? "" : `not asked: ${unasked()}`;
        c.setAttribute("aria-label", "nothing");
      });
      return;
    }
    for (const [i, key] of ["y", "given"].entries()) paintBytes(looks[i + 1], message[key]);
    const map = message[state.kind];
    paintMap(looks[3], map, ...range(map));
    const sum = map.reduce((a, b) => a + b, 0);
    const what = state.kind === "orthogonal" ? "half the squared difference of the two ε̂" : "half the difference of the two squared errors";
    const believed = prompts().map((p) => `what is believed under ${p}`);
    ["the noisy picture", ...believed, `${what}: ${number(sum, sum / 10)} nats per nat of log-SNR, for this one noise`].forEach((text, i) => {
      lookTexts[i].textContent = text;
      looks[i].setAttribute("aria-label", text);
    });
  }
  const flows = [canvas(size, "made under the first prompt"), canvas(size, "made under the second prompt")];
  const flowTexts = flows.map(() => make("figcaption"));
  const flowRow = make("div", { className: "row", hidden: true }, ...flows.map((c, i) => make("figure", {}, c, flowTexts[i])));
  const flowSaid = make("p", { className: "progress" });
  flowSaid.setAttribute("aria-live", "polite");
  let frames = [];
  function showPlay(message) {
    frames.push(message);
    if (frames.length === 1) requestAnimationFrame(playFrame);
  }
  function playFrame() {
    const message = frames[0];
    if (!message) return;
    const last = message.step === message.steps;
    if (!quiet || last) message.pictures.forEach((rgba, i) => paintBytes(flows[i], rgba));
    if (!message.steps) flowSaid.textContent = `Not played: ${unasked()}.`;
    else if (last) flowSaid.textContent = `Both made from one noise, ${message.steps} steps of Heun’s method.`;
    frames.shift();
    if (frames.length) requestAnimationFrame(playFrame);
  }
  const play = button("play from noise", () => {
    frames = [];
    flowRow.hidden = false;
    flowSaid.textContent = "";
    prompts().forEach((p, i) => {
      flowTexts[i].textContent = `made under ${p}`;
      flows[i].setAttribute("aria-label", flowTexts[i].textContent);
    });
    workers.viewer.postMessage({ what: "play", id: (ids.play += 1), ...state, name: name(), steps: STEPS });
  });
  const reseed = button("another noise", () => change({ seed: state.seed + 1 }));
  const seedText = make("span", { className: "progress" });

  const link = make("a", { className: "link", textContent: "link to this state" });

  el.classList.add("idc-live", "lab-live");
  el.dataset.lmSuppressShortcuts = "true"; // JupyterLab leaves our keys alone
  const part = (title, ...children) => make("section", {}, make("h3", { textContent: title }), ...children);
  el.append(
    make("div", { className: "wide" }, stopList, told),
    part("Scene", make("div", { className: "picture" }, sceneCanvas), objects[0].element, objects[1].element, layoutRadios, skyRadios, chance),
    part("Caption", captionSelect, words, editing, questions),
    part("Information", table, kindRadios, pointed, bar, ticks, per, readout, hide, progress, pause),
    part("Where it arises", plot, axis, make("div", { className: "unit", textContent: "log-SNR" }), most, make("label", { className: "slide" }, "log-SNR", slider, level), lookRow, reseed, seedText, play, flowSaid, flowRow),
    make("p", { className: "wide failed", role: "alert" }),
    make("p", { className: "wide" }, page ? link : make("code", { className: "link" })),
  );

  function update() {
    paintBytes(sceneCanvas, engine.rgba(engine.picture(state.scene)));
    const all = engine.captions(state.scene);
    sceneCanvas.setAttribute("role", "img");
    sceneCanvas.setAttribute("aria-label", all[all.length - 4]);
    const check = (field, value) => el.querySelectorAll(`input[name="${group}-${field}"]`).forEach((input) => (input.checked = input.value === String(value)));
    check("layout", LAYOUTS[2 * state.scene.axis + state.scene.far]);
    check("sky", world.vocabulary.time[state.scene.night]);
    check("question", state.question);
    check("kind", state.kind);
    showStop();
    objects.forEach((o) => o.show());
    const texts = all.includes(state.text) ? all : [state.text, ...all];
    captionSelect.lastChild.replaceChildren(...texts.map((t) => make("option", { value: t, textContent: all.includes(t) ? t : `edited: ${t || "nothing"}` })));
    captionSelect.lastChild.value = state.text;
    slider.value = state.logsnr;
    level.textContent = String(state.logsnr).replace("-", "−");
    seedText.textContent = ` seed ${state.seed}`;
    if (page) link.href = `#lab:${followed}`;
    else el.querySelector(".link").textContent = `idc.SceneLab(state="${followed}")`;
    const focus = el.contains(document.activeElement) ? document.activeElement : null;
    const key = JSON.stringify([state.scene, state.text, state.seed]);
    const edited = [...editing.querySelectorAll("select, button")].indexOf(focus);
    showWords();
    if (focus && !el.contains(focus)) {
      const same = edited < 0 ? null : editing.querySelectorAll("select, button")[edited];
      const again = edited < 0 ? [...words.querySelectorAll("input")].find((i) => i.value === focus.value) : null;
      ((same?.disabled ? editing.querySelector("select") : same) ?? again ?? words.querySelector("input:checked") ?? captionSelect.lastChild).focus();
    }
    const view = { what: "view", name: name(), kind: state.kind };
    if (JSON.stringify(view) !== viewed) workers.sampler.postMessage(view);
    viewed = JSON.stringify(view);
    if (key !== asked) {
      [asked, estimate, paused] = [key, null, false];
      pause.textContent = "pause";
      Object.assign(el.dataset, { samples: 0, paused: false });
      workers.sampler.postMessage({ what: "estimate", id: (ids.estimate += 1), ...state, most: MOST });
    } else if (estimate) showEstimate();
    showProfile();
    look();
  }
  const outside = () => {
    const next = parse(model.get("state"));
    if (!next || format(next) === followed) return;
    take(next);
    update();
  };
  model.on("change:state", outside);
  const jumped = () => {
    if (!location.hash.startsWith("#lab:")) return;
    clearTimeout(addressed); // the reader's address is newer
    const next = parse(location.hash.slice(5));
    if (!next) unread("The link could not be read.");
    else if (format(next) !== followed) change(next);
  };
  if (page) addEventListener("hashchange", jumped);
  update();
  if (fromLink !== null && !parse(fromLink)) unread("The link could not be read; this is the lab as it begins.");
  return () => {
    model.off("change:state", outside);
    removeEventListener("hashchange", jumped);
    for (const worker of Object.values(workers)) worker.terminate();
    URL.revokeObjectURL(blob);
  };
}

export default { render };
