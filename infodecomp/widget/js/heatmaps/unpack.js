import { bytes } from "../common/numbers.js";

/** Numbers from two letters of base 64 each: one of 4,096 steps from low to high. */
export function unpack([low, high, text]) {
  const raw = bytes(text); // three bytes are two numbers
  const step = (high - low) / 4095;
  return Float64Array.from({ length: text.length / 2 }, (_, i) => {
    const at = 3 * Math.floor(i / 2);
    const even = (raw[at] << 4) | (raw[at + 1] >> 4);
    const odd = ((raw[at + 1] & 15) << 8) | raw[at + 2];
    return low + step * (i % 2 ? odd : even);
  });
}

/** The layers of a kind with their numbers unpacked; null where a word has none. */
export function unpackLayers(layers) {
  return layers.map(
    (layer) => layer && { ...layer, map: unpack(layer.map), error: layer.error && unpack(layer.error) },
  );
}
