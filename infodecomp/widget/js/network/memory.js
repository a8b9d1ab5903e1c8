import { kernels } from "../kernels/kernels.js";

const SPARE = 2 ** 21; // floats beside the weights, of which an evaluation needs three fifths

/**
 * A network's weights in the memory of the kernels, and where each begins: places {name: [first float, outputs,
 * inputs]}. What a tensor is called here is where it begins among the floats, [row or pixel][channel].
 *
 * halves: the weights as bytes of float16, low ones, then high ones. about: sizes, as infodecomp.widget.netpack says.
 */
export function loadNetwork({ halves, ...about }) {
  const count = halves.length / 2;
  const { rows, buffer } = kernels(4 * (count + SPARE));
  const floats = new Float32Array(buffer);
  const values = Float32Array.from({ length: 65536 }, (_, bits) => ofHalf(bits));
  for (let i = 0; i < count; i++) floats[i] = values[halves[i] | (halves[count + i] << 8)];
  return { ...about, rows, floats, top: count, read: new Map() };
}

function ofHalf(bits) {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  return (bits >> 15 ? -1 : 1) * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction);
}

/** So many floats that are free; what stands in them is undefined. */
export function room(net, count) {
  const here = net.top;
  net.top += (count + 3) & ~3;
  if (net.top > net.floats.length) throw new Error("the network needs more memory");
  return here;
}

/** Copies floats, from one place to another. */
export const move = (net, to, from, count) => net.floats.copyWithin(to, from, from + count);

/** x += y, of so many floats; x. */
export function addTo({ floats }, x, y, count) {
  for (let i = 0; i < count; i++) floats[x + i] += floats[y + i];
  return x;
}

/** Each of so many floats by a function. */
export function apply({ floats }, x, count, change) {
  for (let i = x; i < x + count; i++) floats[i] = change(floats[i]);
}
