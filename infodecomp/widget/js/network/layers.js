import { move, room } from "./memory.js";

export const silu = (v) => v / (1 + Math.exp(-v));

/** Rows x [n][inputs], `stride` floats apart, times a matrix that lies as the kernel reads it. */
function product(net, x, stride, n, inputs, weight, bias, outputs, out) {
  const alone = n === 1; // one row is computed four times
  for (let i = 0, to = out; i < n; i += 4, to += 4 * outputs) {
    const from = 4 * (x + i * stride);
    const [pixel, row] = alone ? [0, 0] : [4 * stride, 4 * outputs];
    net.rows(from, pixel, 0, 1, inputs / 4, 4 * weight, 4 * bias, 4 * to, outputs / 8, row);
  }
  return out;
}

/** A linear layer of n rows, or a 1 × 1 convolution. */
export function linear(net, x, n, name) {
  const [weight, outputs, inputs] = net.places[`${name}.weight`];
  const [bias] = net.places[`${name}.bias`] ?? net.places.zeros;
  return product(net, x, inputs, n, inputs, weight, bias, outputs, room(net, n * outputs));
}

/** A 3 × 3 convolution of a square picture, first enlarged by zoom, then of every stride-th pixel. */
export function convolution(net, x, side, name, { stride = 1, zoom = 1 } = {}) {
  const [weight, outputs, inputs] = net.places[`${name}.weight`];
  const [bias] = net.places[`${name}.bias`];
  const large = side * zoom;
  const wide = large + 2;
  const small = large / stride;
  const edged = room(net, wide * wide * inputs);
  const out = room(net, small * small * outputs);
  net.floats.fill(0, edged, edged + wide * wide * inputs);
  for (let y = 0; y < large; y++)
    for (let i = 0; i < large; i++) {
      const from = Math.floor(y / zoom) * side + Math.floor(i / zoom);
      move(net, edged + ((y + 1) * wide + i + 1) * inputs, x + from * inputs, inputs);
    }
  const [pixel, line, row] = [4 * stride * inputs, 4 * wide * inputs, 4 * outputs];
  for (let y = 0; y < small; y++)
    for (let i = 0; i < small; i += 4) {
      const from = 4 * (edged + (y * wide + i) * stride * inputs);
      const to = 4 * out + (y * small + i) * row;
      net.rows(from, pixel, line, 3, (3 * inputs) / 4, 4 * weight, 4 * bias, to, outputs / 8, row);
    }
  return out;
}

/** Group norm of n pixels, then act; shift: scales and offsets by the timestep. */
export function groupNorm(net, x, n, channels, name, { eps = 1e-5, act = (v) => v, shift } = {}) {
  const { floats, groups, places } = net;
  const [[weight], [bias]] = [places[`${name}.weight`], places[`${name}.bias`]];
  const per = channels / groups;
  const out = room(net, n * channels);
  for (let group = 0; group < channels; group += per) {
    let [sum, squares] = [0, 0];
    for (let i = x + group; i < x + n * channels; i += channels)
      for (let k = i; k < i + per; k++) {
        sum += floats[k];
        squares += floats[k] ** 2;
      }
    const mean = sum / (n * per);
    const by = 1 / Math.sqrt(squares / (n * per) - mean * mean + eps);
    for (let c = group; c < group + per; c++) {
      const more = shift ? 1 + floats[shift + c] : 1;
      const slope = by * floats[weight + c] * more;
      const offset = floats[bias + c] * more - mean * slope + (shift ? floats[shift + channels + c] : 0);
      for (let i = c; i < n * channels; i += channels) floats[out + i] = act(floats[x + i] * slope + offset);
    }
  }
  return out;
}

export function layerNorm(net, x, n, name) {
  const { floats, places } = net;
  const [[weight, channels], [bias]] = [places[`${name}.weight`], places[`${name}.bias`]];
  const out = room(net, n * channels);
  for (let i = 0; i < n * channels; i += channels) {
    let [sum, squares] = [0, 0];
    for (let k = x + i; k < x + i + channels; k++) {
      sum += floats[k];
      squares += floats[k] ** 2;
    }
    const mean = sum / channels;
    const by = 1 / Math.sqrt(squares / channels - mean * mean + 1e-5);
    for (let c = 0; c < channels; c++)
      floats[out + i + c] = (floats[x + i + c] - mean) * by * floats[weight + c] + floats[bias + c];
  }
  return out;
}

/** What n queries read of m values by their keys, head by head; causal: of those before them. */
export function attend(net, [queries, keys, values], n, m, channels, causal = false) {
  const { floats, heads, places } = net;
  const deep = channels / heads;
  const wide = (deep + 7) & ~7;
  const [zeros] = places.zeros;
  const [k, v, scores] = [deep * m, m * wide, n * m].map((count) => room(net, count));
  const [mixed, out] = [n * wide, n * channels].map((count) => room(net, count));
  floats.fill(0, v, v + m * wide);
  for (let head = 0; head < channels; head += deep) {
    for (let j = 0; j < m; j++)
      for (let e = 0, from = j * channels + head; e < deep; e++, from++) {
        floats[k + ((j >> 3) * deep + e) * 8 + (j & 7)] = floats[keys + from]; // as the kernel reads them
        floats[v + ((e >> 3) * m + j) * 8 + (e & 7)] = floats[values + from];
      }
    product(net, queries + head, channels, n, deep, k, zeros, m, scores);
    for (let i = 0; i < n; i++) softmax(floats, scores + i * m, m, causal ? i + 1 : m, Math.sqrt(deep));
    product(net, scores, m, n, m, v, zeros, wide, mixed);
    for (let i = 0; i < n; i++) move(net, out + i * channels + head, mixed + i * wide, deep);
  }
  return out;
}

/** Scores of m over a divisor as weights; those from `seen` on weigh nothing. */
function softmax(floats, first, m, seen, divisor) {
  let [most, sum] = [-Infinity, 0];
  for (let s = first; s < first + seen; s++) most = Math.max(most, floats[s]);
  for (let s = first; s < first + seen; s++) sum += floats[s] = Math.exp((floats[s] - most) / divisor);
  for (let s = first; s < first + m; s++) floats[s] = s < first + seen ? floats[s] / sum : 0;
}
