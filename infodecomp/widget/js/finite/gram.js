import { normals } from "./noise.js";

const RIDGE = 1e-9; // of the largest product, so that rows which depend on each other have a root too

/**
 * Few pictures: the denoiser needs only their products with each other, and a noise's with them, which are Gaussian
 * with these products as covariance. No pixel is touched but when a map is drawn: it is dᵀ M d in each pixel, with d
 * the pictures less the first one, and M the mean of what the draws say.
 */
export class Gram {
  /** rows: Float64Array (count · length) of pictures less the first; next: uniform numbers. */
  constructor({ rows, count, length }, next) {
    Object.assign(this, { rows, count, length, next });
    this.products = gramOf(rows, count, length);
    this.halves = Float64Array.from({ length: count }, (_, k) => this.products[k * count + k] / 2);
    this.root = rootOf(this.products, count);
    this.normals = new Float64Array(count + (count % 2));
    this.noise = new Float64Array(count); // its products with the rows
    this.sums = new Float64Array(count * count);
    this.cost = 0;
  }

  /** Draws a noise. */
  draw() {
    const { root, noise, count } = this;
    const z = normals(this.next, this.normals);
    for (let k = 1; k < count; k++) {
      let sum = 0;
      for (let i = 1; i <= k; i++) sum += root[k * count + i] * z[i];
      noise[k] = sum;
    }
  }

  /** Adds weight (c − y)² of the means under weights c and y to the map; returns weight (|c|² − |y|²). */
  compare(c, y, weight) {
    const { count, products, sums } = this;
    let total = 0;
    for (let k = 0; k < count; k++) {
      const apart = c[k] - y[k];
      if (apart === 0) continue;
      let sum = 0;
      for (let i = 0, at = k * count; i < count; i++, at++) {
        sum += products[at] * (c[i] + y[i]);
        sums[at] += weight * apart * (c[i] - y[i]);
      }
      total += apart * sum;
    }
    this.cost = count;
    return weight * total;
  }

  /** What was added to each number of a picture, (length). */
  map() {
    const { rows, count, length, sums } = this;
    const found = new Float64Array(length);
    for (let k = 1; k < count; k++)
      for (let i = 1; i <= k; i++) {
        const factor = (i < k ? 2 : 1) * sums[k * count + i];
        if (factor) for (let j = 0; j < length; j++) found[j] += factor * rows[k * length + j] * rows[i * length + j];
      }
    return found.map((value) => Math.max(0, value));
  }

  clear() {
    this.sums.fill(0);
  }
}

function gramOf(rows, count, length) {
  const found = new Float64Array(count * count);
  for (let k = 1; k < count; k++)
    for (let i = 1; i <= k; i++) {
      let sum = 0;
      for (let j = 0; j < length; j++) sum += rows[k * length + j] * rows[i * length + j];
      found[k * count + i] = found[i * count + k] = sum;
    }
  return found;
}

/** The lower triangle whose product with itself, transposed, is the matrix (Cholesky); first row and column are 0. */
function rootOf(matrix, count) {
  const root = new Float64Array(count * count);
  const ridge = RIDGE * matrix.reduce((most, value) => Math.max(most, value), 0);
  for (let k = 1; k < count; k++)
    for (let i = 1; i <= k; i++) {
      let sum = matrix[k * count + i] + (i === k ? ridge : 0);
      for (let j = 1; j < i; j++) sum -= root[k * count + j] * root[i * count + j];
      root[k * count + i] = i < k ? sum / root[i * count + i] : Math.sqrt(Math.max(sum, ridge));
    }
  return root;
}
