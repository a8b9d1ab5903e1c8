import { palettes } from "../common/colours.js";
import { unpackLayers } from "./unpack.js";

/** What the reader has chosen, and the maps that belong to it. */
export class Chosen {
  constructor(model) {
    this.model = model;
    this.state = model.get("_state");
    for (const item of this.state.items) item.unpacked ??= item.layers.map(unpackLayers);
    this.palettes = palettes(this.state.colours);
    this.group = `heatmaps-${Math.random().toString(36).slice(2)}`; // of radio buttons, one for each widget of a page
    this.hovered = null; // the word under the pointer, whose map is shown meanwhile
  }

  get(name) {
    return this.model.get(name);
  }

  set(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  get item() {
    return this.state.items[this.get("item")];
  }

  get image() {
    return this.state.images[this.state.film ? 0 : this.get("item")];
  }

  /** Another picture keeps the words if its caption has them. */
  turn(to) {
    const { words, opens } = this.state.items[to];
    const [word, beside] = [this.get("word"), this.get("beside")];
    this.hovered = null;
    if (!words.includes(word)) this.model.set("word", opens[this.state.kinds.indexOf(this.kind())]);
    if (!words.includes(beside)) this.model.set("beside", "");
    this.set("item", to);
  }

  kind() {
    return this.state.kinds.find(({ name }) => name === this.get("kind"));
  }

  /** The word whose map is seen first; "" for the second where none is chosen. */
  word() {
    return this.hovered ?? this.get("word");
  }

  /** {map, error, nats, stderr, counted} of a word, null if not given. */
  layer(word, kind = this.kind()) {
    return this.item.unpacked[this.state.kinds.indexOf(kind)]?.[this.item.words.indexOf(word)] ?? null;
  }

  /** The largest |nats| of a cell: of all words, or of one. */
  high(word) {
    const layer = this.layer(word);
    if (this.get("shared") || !layer) return this.item.highs[this.state.kinds.indexOf(this.kind())];
    return layer.map.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  }

  look() {
    const { signed } = this.kind();
    return { signed, table: this.palettes[signed ? "signed" : "positive"], opacity: this.get("opacity") };
  }
}
