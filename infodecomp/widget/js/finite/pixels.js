import { kernels } from "../kernels/kernels.js";
import { TILE } from "../kernels/plain.js";
import { normals } from "./noise.js";

const STEP = 4096; // of the noise: its numbers are whole multiples of 1 / STEP, so that all products are exact
const HEAVIEST = 32767; // a weight as 16 bits
const SUM = 2 ** 23; // of weights, so that 32 bits hold their sums
const LEFT_OUT = 1e-3; // share of the weight that a mean may lack

/** Many pictures: products of a noise with all of them, and means pixel by pixel, in 8-bit rows. */
export class Pixels {
  /** levels: Int8Array (count · length), the levels of pictures less 128; next: uniform numbers. */
  constructor({ levels, count, length }, next) {
    const bytes = TILE * Math.ceil(length / TILE);
    Object.assign(this, { count, length, bytes, next, cost: 0 });
    const sizes = { rows: count * bytes, vector: 2 * bytes, products: 16 * count, list: 12 * count + 12 };
    Object.assign(sizes, { c: 4 * bytes, y: 4 * bytes, x: 4 * bytes, map: 4 * bytes });
    let size = 0;
    const at = Object.fromEntries(Object.entries(sizes).map(([name, bytes]) => [name, (size += bytes) - bytes]));
    this.at = at;
    this.kernels = kernels(size);
    const { buffer } = this.kernels;
    this.tile(new Int8Array(buffer), levels);
    this.vector = new Int16Array(buffer, at.vector, bytes);
    this.products = new Int32Array(buffer, at.products, 4 * count);
    this.list = new DataView(buffer, at.list, sizes.list);
    this.pixels = new Float32Array(buffer, at.map, bytes);
    new Float32Array(buffer, at.x, bytes).set(Float32Array.from(levels.subarray(0, length), (v) => 2 * v));
    this.halves = halvesOf(levels, count, length);
    this.normals = new Float64Array(bytes);
    this.noise = new Float64Array(count);
  }

  tile(memory, levels) {
    const { count, length } = this;
    for (let k = 0; k < count; k++)
      for (let j = 0; j < length; j += TILE)
        memory.set(levels.subarray(k * length + j, k * length + Math.min(j + TILE, length)), j * count + TILE * k);
  }

  draw() {
    const { at, count, bytes, vector, products, noise, length } = this;
    normals(this.next, this.normals);
    for (let j = 0; j < length; j++) vector[j] = Math.max(-32767, Math.min(32767, Math.round(STEP * this.normals[j])));
    this.kernels.products(0, at.vector, at.products, count, bytes);
    const product = (k) => products[4 * k] + products[4 * k + 1] + products[4 * k + 2] + products[4 * k + 3];
    const first = product(0);
    for (let k = 0; k < count; k++) noise[k] = (product(k) - first) / (127.5 * STEP);
  }

  compare(c, y, weight) {
    const { at, bytes } = this;
    this.cost = 0;
    const scales = [this.mean(c, at.c), this.mean(y, at.y)];
    const unit = weight / 127.5 ** 2;
    return unit * this.kernels.compare(at.c, at.y, at.x, at.map, 4 * bytes, ...scales, unit);
  }

  /** Writes the mean of the rows under weights, times a whole number; returns one over that. */
  mean(weights, to) {
    const { list, at, count, bytes } = this;
    let [heaviest, sum, m] = [0, 0, 0];
    for (let k = 0; k < count; k++) if (weights[k] > heaviest) heaviest = weights[k];
    const scale = Math.min(HEAVIEST / heaviest, SUM);
    const least = Math.max(0.5, (LEFT_OUT / count) * scale);
    for (let k = 0; k < count; k++) {
      const whole = Math.round(weights[k] * scale);
      if (whole < least) continue;
      list.setUint32(12 * (m >> 1) + 4 * (m & 1), TILE * k, true);
      list.setInt16(12 * (m >> 1) + 8 + 2 * (m & 1), whole, true);
      sum += whole;
      m += 1;
    }
    if (m & 1) {
      list.setUint32(12 * (m >> 1) + 4, 0, true);
      list.setInt16(12 * (m >> 1) + 10, 0, true);
    }
    this.kernels.mix(0, at.list, (m + 1) >> 1, to, count, bytes);
    this.cost += m;
    return 1 / sum;
  }

  map() {
    return Float64Array.from(this.pixels.subarray(0, this.length));
  }

  clear() {
    this.pixels.fill(0);
  }
}

/** Half the squared distance of each picture from the first. */
function halvesOf(levels, count, length) {
  return Float64Array.from({ length: count }, (_, k) => {
    let sum = 0;
    for (let j = 0, p = k * length; j < length; j++, p++) sum += (levels[p] - levels[j]) ** 2;
    return sum / 2 / 127.5 ** 2;
  });
}
