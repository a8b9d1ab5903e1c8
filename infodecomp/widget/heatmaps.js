const SIDE = 320; // pixels of the canvas along its longer side, at least

/** Two letters of base 64 are one of 4,096 steps from low to high. */
function unpack([low, high, text]) {
  const raw = bytes(text); // three bytes are two numbers
  const step = (high - low) / 4095;
  return Float64Array.from({ length: text.length / 2 }, (_, i) => {
    const at = 3 * (i >> 1);
    return low + step * (i % 2 ? ((raw[at + 1] & 15) << 8) | raw[at + 2] : (raw[at] << 4) | (raw[at + 1] >> 4));
  });
}

/** Where the n·k pixels along one side of a bilinear map look: lower cell, upper cell, weight of the upper. */
function neighbours(n, k) {
  return Array.from({ length: n * k }, (_, i) => {
    const at = Math.min(Math.max((i + 0.5) / k - 0.5, 0), n - 1);
    const low = Math.floor(at);
    return [low, Math.min(low + 1, n - 1), at - low];
  });
}

function render({ model, el }) {
  const state = model.get("_state");
  const [h, w] = state.size;
  const k = Math.ceil(SIDE / Math.max(h, w));
  const kinds = Object.fromEntries(state.kinds.map((kind) => [kind.name, kind]));
  for (const kind of state.kinds)
    kind.unpacked ??= kind.layers.map((layer) => layer && { ...layer, map: unpack(layer.map), error: layer.error && unpack(layer.error) });
  const colours = Object.fromEntries(Object.entries(state.colours).map(([name, table]) => [name, palette(table)]));
  const group = `heatmaps-${Math.random().toString(36).slice(2)}`;
  const rows = neighbours(h, k);
  const columns = neighbours(w, k);
  let cell = null;

  const kind = () => kinds[model.get("kind")];
  const layer = () => kind().unpacked[state.words.indexOf(model.get("word"))];
  const unit = () => (kind().name === "attention" ? "attention" : "nats");
  const change = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };

  function range() {
    const used = (model.get("shared") ? kind().unpacked : [layer()]).filter(Boolean);
    const high = used.reduce((most, { map }) => map.reduce((m, v) => Math.max(m, Math.abs(v)), most), 0) || 1;
    return [kind().signed ? -high : 0, high];
  }

  // ---- the picture with the map on it ----
  const canvas = make("canvas", { width: w * k, height: h * k });
  const pointed = cells(canvas, h, w, (to) => {
    cell = to;
    read();
  });
  const sheet = new OffscreenCanvas(w * k, h * k);
  const pixels = new ImageData(w * k, h * k);
  const packed = new Uint32Array(pixels.data.buffer);
  const picture = new Image();
  picture.onload = paint;
  picture.src = state.image;

  function paint() {
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.globalAlpha = 1;
    context.imageSmoothingEnabled = picture.width > canvas.width;
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const shown = layer();
    if (!shown) return;
    const [low, high] = range();
    const table = colours[kind().signed ? "signed" : "positive"];
    const hide = model.get("hide") && shown.error;
    const smooth = model.get("smooth");
    const { map, error } = shown;
    for (let y = 0, i = 0; y < h * k; y++) {
      const [top, bottom, down] = rows[y];
      const row = Math.floor(y / k) * w;
      for (let x = 0; x < w * k; x++, i++) {
        const at = row + Math.floor(x / k);
        let value = map[at];
        if (smooth) {
          const [left, right, across] = columns[x];
          const above = map[top * w + left] * (1 - across) + map[top * w + right] * across;
          const below = map[bottom * w + left] * (1 - across) + map[bottom * w + right] * across;
          value = above * (1 - down) + below * down;
        }
        const colour = Math.round(((value - low) / (high - low)) * 255);
        packed[i] = hide && Math.abs(map[at]) <= 2 * error[at] ? 0 : table[Math.min(255, Math.max(0, colour))];
      }
    }
    sheet.getContext("2d").putImageData(pixels, 0, 0);
    context.globalAlpha = model.get("opacity");
    context.drawImage(sheet, 0, 0);
  }

  const readout = make("output");
  readout.setAttribute("aria-live", "polite");
  function read() {
    const shown = layer();
    const what = `${model.get("word")}, ${kind().name}: `;
    if (!shown) readout.textContent = what + "not given";
    else if (cell) {
      const i = cell[0] * w + cell[1];
      readout.textContent = `${what}row ${cell[0] + 1}, column ${cell[1] + 1}: ${measured(shown.map[i], shown.error?.[i])} ${unit()}`;
    } else readout.textContent = what + (shown.nats === undefined ? "" : `${measured(shown.nats, shown.stderr, 2)} nats in all; `) + "point at a cell";
  }

  // ---- the colour bar ----
  const bar = make("canvas", { width: 256, height: 1 });
  bar.setAttribute("aria-hidden", "true");
  const ticks = make("div", { className: "ticks" });
  const per = make("div", { className: "unit" });
  function scale() {
    const [low, high] = range();
    const strip = new ImageData(256, 1);
    new Uint32Array(strip.data.buffer).set(colours[kind().signed ? "signed" : "positive"]);
    bar.getContext("2d").putImageData(strip, 0, 0);
    const texts = [low, (low + high) / 2, high].map((v) => number(v, high / 2));
    ticks.replaceChildren(...texts.map((t) => make("span", { textContent: t })));
    per.textContent = unit() === "nats" ? "nats per cell" : "attention";
  }

  // ---- controls: native radio buttons, so that arrow keys and screen readers know them ----
  function choice(name, value, label, className) {
    const input = make("input", { type: "radio", name: `${group}-${name}`, value });
    input.addEventListener("change", () => change(name, value));
    return make("label", { className }, input, label);
  }
  function toggle(name, text) {
    const input = make("input", { type: "checkbox" });
    input.addEventListener("change", () => change(name, input.checked));
    return [make("label", {}, input, text), () => (input.checked = model.get(name))];
  }
  function fieldset(title, className, ...children) {
    return make("fieldset", { className }, make("legend", { textContent: title }), ...children);
  }

  const totals = state.kinds.filter(({ name, layers }) => !name.startsWith("exact ") && layers.some((l) => l?.nats !== undefined));
  const reach = [0, 0];
  for (const { layers } of state.kinds)
    for (const l of layers)
      if (l?.nats !== undefined) {
        reach[0] = Math.min(reach[0], l.nats - l.stderr);
        reach[1] = Math.max(reach[1], l.nats + l.stderr);
      }
  const across = (nats) => (100 * (nats - reach[0])) / (reach[1] - reach[0] || 1);
  function span(className, from, to) {
    const mark = make("span", { className });
    mark.style.left = `${across(Math.min(from, to))}%`;
    mark.style.width = `${Math.abs(across(to) - across(from))}%`;
    return mark;
  }
  function bars(i) {
    return totals.flatMap(({ name, layers }) => {
      const l = layers[i];
      if (l?.nats === undefined) return [];
      const exact = kinds[`exact ${name}`]?.layers[i];
      const track = make("span", { className: "track" }, span("fill", 0, l.nats), span("error", l.nats - l.stderr, l.nats + l.stderr));
      if (exact?.nats !== undefined) track.append(span("exact", exact.nats, exact.nats));
      const text = (total) => measured(total.nats, total.stderr, 2);
      const truth = exact?.nats === undefined ? [] : [make("br"), `exact ${text(exact)}`];
      return [make("span", { className: "total" }, `${name} ${text(l)}`, ...truth, track)];
    });
  }
  const caption = state.caption.map(([text, word]) =>
    word === null
      ? make("span", { className: "word", textContent: text })
      : choice("word", word, make("span", {}, make("bdi", { textContent: text }), ...bars(state.words.indexOf(word))), "word"),
  );
  const opacity = make("input", { type: "range", min: 0, max: 1, step: 0.05 });
  opacity.addEventListener("input", () => change("opacity", Number(opacity.value)));
  const [shared, showShared] = toggle("shared", "one colour scale for all words");
  const [smooth, showSmooth] = toggle("smooth", "smooth");
  const [hide, showHide] = toggle("hide", "hide cells below two standard errors");

  hide.firstChild.disabled = !state.kinds.some(({ layers }) => layers.some((l) => l?.error));

  el.classList.add("idc-live");
  el.dataset.lmSuppressShortcuts = "true"; // JupyterLab leaves our keys alone
  el.append(
    make("div", { className: "view" }, pointed, bar, ticks, per, readout),
    make(
      "div",
      { className: "controls" },
      fieldset("Map", "kinds", ...state.kinds.map(({ name }) => choice("kind", name, name, "kind"))),
      fieldset("Caption, in nats", "caption", ...caption),
      make("label", { className: "opacity" }, "opacity", opacity),
      shared,
      smooth,
      hide,
    ),
  );

  function update() {
    for (const input of el.querySelectorAll("input[type=radio]"))
      input.checked = input.value === model.get(input.name === `${group}-word` ? "word" : "kind");
    opacity.value = model.get("opacity");
    showShared();
    showSmooth();
    showHide();
    canvas.setAttribute("aria-label", `${kind().name} map of “${model.get("word")}” on the picture, ${h} by ${w} cells; arrow keys read a cell`);
    if (picture.complete) paint();
    scale();
    read();
  }
  const watched = ["word", "kind", "opacity", "shared", "smooth", "hide"].map((name) => `change:${name}`);
  for (const event of watched) model.on(event, update);
  update();
  return () => watched.forEach((event) => model.off(event, update));
}

export default { render };
