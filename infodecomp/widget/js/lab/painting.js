import { packedColour } from "../common/colours.js";
import { minus } from "../common/numbers.js";

export const TINY = 1e-9; // what rounding leaves of nothing

/** The largest size of values with their errors; 1 if all are nothing. */
export function extent(values, errors) {
  const high = values.reduce((most, value, i) => Math.max(most, Math.abs(value) + (errors?.[i] ?? 0)), 0);
  return high > TINY ? high : 1;
}

/** [low, high] of a map's colours: the standard estimate has a sign. */
export function colourRange(kind, map) {
  const high = extent(map);
  return [kind === "standard" ? -high : 0, high];
}

export const tableOf = (lab, low) => lab.palettes[low < 0 ? "signed" : "positive"];

export function paintBytes(target, rgba, size) {
  target.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(rgba), size, size), 0, 0);
}

/** Paints a map in colours from low to high; cells that are not covered stay clear. */
export function paintMap(lab, target, map, [low, high], covered = () => true) {
  const { size } = lab.world;
  const image = new ImageData(size, size);
  const packed = new Uint32Array(image.data.buffer);
  const table = tableOf(lab, low);
  map.forEach((value, i) => (packed[i] = covered(i) ? packedColour(table, value, low, high) : 0));
  target.getContext("2d").putImageData(image, 0, 0);
}

export const clear = (target) => target.getContext("2d").clearRect(0, 0, target.width, target.height);

/** Exact nats in three digits. */
export function exactNats(value) {
  if (Number.isNaN(value)) return "undefined";
  if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
  return minus(value.toFixed(3));
}
