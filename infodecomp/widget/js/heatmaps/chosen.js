import { palettes } from "../common/colours.js";
import { unpackLayers } from "./unpack.js";

/** What the reader has chosen, and the map that belongs to it. */
export class Chosen {
  constructor(model) {
    this.model = model;
    this.state = model.get("_state");
    this.kinds = Object.fromEntries(this.state.kinds.map((kind) => [kind.name, kind]));
    for (const kind of this.state.kinds) kind.unpacked ??= unpackLayers(kind);
    this.palettes = palettes(this.state.colours);
    this.group = `heatmaps-${Math.random().toString(36).slice(2)}`; // of radio buttons, one for each widget of a page
  }

  get(name) {
    return this.model.get(name);
  }

  set(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  kind() {
    return this.kinds[this.get("kind")];
  }

  /** {map, error, nats, stderr} of the word, null if not given. */
  layer() {
    return this.kind().unpacked[this.state.words.indexOf(this.get("word"))];
  }

  unit() {
    return this.kind().name === "attention" ? "attention" : "nats";
  }

  colours() {
    return this.palettes[this.kind().signed ? "signed" : "positive"];
  }

  /** [low, high] of the colours: of all words, or of the chosen one. */
  range() {
    const { unpacked, signed } = this.kind();
    const used = (this.get("shared") ? unpacked : [this.layer()]).filter(Boolean);
    const highest = (most, { map }) => map.reduce((high, value) => Math.max(high, Math.abs(value)), most);
    const high = used.reduce(highest, 0) || 1;
    return [signed ? -high : 0, high];
  }
}
