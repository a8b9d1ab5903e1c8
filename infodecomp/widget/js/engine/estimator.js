import { addNoise, belief, see } from "./denoiser.js";
import { picture } from "./pictures.js";
import { questions } from "./questions.js";
import { gaussian, random } from "./random.js";
import { widening } from "./widening.js";

const BINS = 16; // of equal probability; a sweep has two draws of the log-SNR in each
const SWEEP = 2 * BINS;
const CELLS = 36; // of the profile
const HIGHEST = 8; // log-SNR where the profile ends
const KINDS_OF_ESTIMATE = ["orthogonal", "standard"];

/** Estimates that grow sweep by sweep: every question on the same noise, with standard errors as in the package. */
export class Estimator {
  constructor(world, scene, text, seed) {
    const asked = questions(world, scene, text);
    const { names, pairs, rows, exact, density } = asked;
    Object.assign(this, { world, seed, names, pairs, rows, exact, density, conditions: rows.length });
    this.x = picture(world, scene);
    this.beliefs = rows.map(() => new Float64Array(world.pictures.length));
    this.values = new Float64Array(world.pictures.pixels); // the integrand in each pixel
    this.low = world.proposal.edges[0];
    this.width = (HIGHEST - this.low) / CELLS;
    this.done = this.sums(); // of whole sweeps
    this.drawn = 0; // in the sweep that runs
    this.sweeps = 0;
  }

  samples() {
    return SWEEP * this.sweeps;
  }

  /** Sums of each question and kind: of values, of squares and fourth powers of the differences of two draws in a bin,
   * and of values and squares by pixel. */
  sums() {
    const { pixels } = this.world.pictures;
    const fresh = () => ({
      ...{ sum: 0, variance: 0, fourths: 0, first: 0 },
      ...{ map: new Float64Array(pixels), spread: new Float64Array(pixels), pair: new Float64Array(pixels) },
      ...{ profile: new Float64Array(CELLS), profileSpread: new Float64Array(CELLS) },
    });
    return this.names.map(() => Object.fromEntries(KINDS_OF_ESTIMATE.map((kind) => [kind, fresh()])));
  }

  /** One draw of log-SNR and noise, evaluated under every condition; true when it completes a sweep of 32. */
  step(observe) {
    if (this.drawn === 0) {
      this.current = this.sums();
      this.uniform = random(this.seed, 0, this.sweeps);
    }
    const bin = Math.floor(this.drawn / 2);
    this.draw((bin + this.uniform()) / BINS, this.drawn % 2 === 1, observe);
    this.drawn += 1;
    if (this.drawn === SWEEP) this.finish();
    return this.drawn === 0;
  }

  draw(quantile, second, observe) {
    const { logsnr, weight } = drawLogSnr(this.world.proposal, quantile);
    const noise = gaussian(this.world, this.seed, 1, SWEEP * this.sweeps + this.drawn);
    const seen = see(this.world, addNoise(this.x, logsnr, noise), logsnr);
    this.rows.forEach((rows, c) => belief(this.world, seen, rows, this.beliefs[c]));
    observe?.(logsnr, weight, noise);
    const cell = Math.floor((logsnr - this.low) / this.width);
    this.pairs.forEach(([y, given], q) => {
      for (const kind of KINDS_OF_ESTIMATE) {
        const sum = integrand(kind, seen, this.beliefs[y], this.beliefs[given], noise, this.values);
        addDraw(this.current[q][kind], weight, sum, this.values, cell, second);
      }
    });
  }

  /** Adds the sweep that ends to those before. */
  finish() {
    this.current.forEach((kinds, q) => {
      for (const [kind, from] of Object.entries(kinds)) {
        const into = this.done[q][kind];
        for (const name of ["sum", "variance", "fourths"]) into[name] += from[name];
        for (const name of ["map", "spread", "profile", "profileSpread"])
          from[name].forEach((value, i) => (into[name][i] += value));
      }
    });
    this.drawn = 0;
    this.sweeps += 1;
  }

  /** [nats, standard error] of each question, from whole sweeps. */
  totals(kind) {
    const n = this.samples();
    return this.done.map((sums) => [sums[kind].sum / n, (this.wider(sums[kind]) * Math.sqrt(sums[kind].variance)) / n]);
  }

  /** By what errors are widened where few pairs of draws carry them. */
  wider({ variance, fourths }) {
    return widening(variance, fourths, BINS * this.sweeps);
  }

  /** One question: map, error (32 · 32) in nats; profile, profileError (36) in nats per nat of log-SNR, low by step. */
  view(name, kind) {
    const sums = this.done[this.names.indexOf(name)]?.[kind];
    if (!sums || !this.sweeps) return null;
    const n = this.samples();
    const mean = (values, by) => values.map((value) => value / by);
    const error = (squares, by) => squares.map((value) => Math.sqrt(value) / by);
    return {
      map: mean(sums.map, n),
      error: error(sums.spread, n / this.wider(sums)),
      profile: mean(sums.profile, n * this.width),
      profileError: error(sums.profileSpread, n * this.width),
      low: this.low,
      step: this.width,
    };
  }
}

/** The log-SNR at a quantile of the proposal, and its weight: one over the density there. */
export function drawLogSnr({ edges, masses }, quantile) {
  let [cell, below] = [0, 0];
  while (cell < masses.length - 1 && below + masses[cell] <= quantile) below += masses[cell++];
  const width = edges[cell + 1] - edges[cell];
  return { logsnr: edges[cell] + ((quantile - below) / masses[cell]) * width, weight: width / masses[cell] };
}

/** The integrand in each pixel, from what y and given believe; returns its sum. */
function integrand(kind, { noise: variance, width, scale, r }, y, given, noise, values) {
  const pixels = values.length;
  const orthogonal = kind === "orthogonal";
  const factor = Math.sqrt(variance) / width;
  const slope = factor * scale;
  let sum = 0;
  for (let pixel = 0; pixel < pixels; pixel++) {
    let value = 0;
    for (let i = pixel; i < y.length; i += pixels) {
      const apart = slope * (y[i] - given[i]); // residual of y less that of given
      if (orthogonal) value += 0.5 * apart * apart;
      else value -= apart * (noise[i] - factor * (r[i] - (scale * (y[i] + given[i])) / 2));
    }
    values[pixel] = value;
    sum += value;
  }
  return sum;
}

/** Adds a draw to sums; the second of a bin also adds its squared differences from the first. */
function addDraw(into, weight, sum, values, cell, second) {
  const { map, spread, pair } = into;
  const value = weight * sum;
  into.sum += value;
  if (second) {
    into.variance += (into.first - value) ** 2;
    into.fourths += (into.first - value) ** 4;
  } else into.first = value;
  if (cell < CELLS) {
    into.profile[cell] += value;
    into.profileSpread[cell] += value * value;
  }
  for (let pixel = 0; pixel < values.length; pixel++) {
    const weighted = weight * values[pixel];
    map[pixel] += weighted;
    if (second) spread[pixel] += (pair[pixel] - weighted) ** 2;
    else pair[pixel] = weighted;
  }
}
