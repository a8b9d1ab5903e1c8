import { random } from "../engine/random.js";
import { Gram } from "./gram.js";
import { Pixels } from "./pixels.js";
import { Proposal } from "./proposal.js";

export const AT_ONCE = 8; // log-SNRs that one noise serves, every other one with its sign changed
export const MOST_BY_PRODUCTS = 64; // pictures
const NOTHING = 1e-10; // what a word may leave to the rest and still decide all
const CELLS_COST = 8;

/**
 * The information of a caption after its context, by the exact denoiser: noise after noise.
 *
 * levels: Uint8Array (count · length) of the context's pictures, of which the first is seen; fits: which of them the
 * caption fits, the first among them. Totals are iˢ's, ½ (|ε − ε̂(context)|² − |ε − ε̂(caption)|²), which is the count
 * for each picture; maps are iᵒ's, ½ (ε̂(context) − ε̂(caption))², never negative.
 */
export class Estimate {
  constructor({ levels, fits, seed, stream }) {
    const count = fits.length;
    Object.assign(this, { fits, count, whole: levels.length / count, next: random(seed, stream) });
    this.varying = varyingOf(levels, count, this.whole);
    this.space = spaceOf(levels, count, this.varying, this.next);
    const fresh = () => new Float64Array(count);
    Object.assign(this, { logits: fresh(), given: fresh(), fitted: fresh() });
    Object.assign(this, { noises: 0, sum: 0, squares: 0, sums: new Float64Array(this.varying.length) });
    this.proposal = new Proposal(this.space.halves);
    this.pilot();
  }

  pilot() {
    const evaluate = (logsnr, sign) => [this.evaluate(logsnr, sign, 1), this.cost];
    const times = Math.ceil(Math.min(32, Math.max(1, 1500 / this.count)));
    this.proposal.fit(this.next, () => this.space.draw(), evaluate, times);
    this.space.clear();
  }

  /** One noise at AT_ONCE log-SNRs. */
  step() {
    this.space.draw();
    let nats = 0;
    this.proposal.draws(AT_ONCE, this.next()).forEach(([logsnr, density], i) => {
      nats += this.evaluate(logsnr, i % 2 ? 1 : -1, AT_ONCE * density);
    });
    this.noises += 1;
    this.sum += nats;
    this.squares += nats * nats;
  }

  /** The integrand of iˢ at a log-SNR over the density; adds that of iᵒ to the map. */
  evaluate(logsnr, sign, density) {
    const { logits, given, fitted, fits, count, space } = this;
    const s = Math.exp(logsnr / 2);
    let top = 0;
    for (let k = 0; k < count; k++) {
      logits[k] = sign * s * space.noise[k] - s * s * space.halves[k];
      if (logits[k] > top) top = logits[k];
    }
    let [all, fitting] = [0, 0];
    for (let k = 0; k < count; k++) {
      const weight = logits[k] - top < -40 ? 0 : Math.exp(logits[k] - top);
      given[k] = weight;
      all += weight;
      if (fits[k]) fitting += weight;
    }
    this.cost = 0.3 * count + CELLS_COST;
    if (fitting > all * (1 - NOTHING)) return 0;
    for (let k = 0; k < count; k++) {
      fitted[k] = fits[k] ? given[k] / fitting : 0;
      given[k] /= all;
    }
    const value = space.compare(given, fitted, (s * s) / 2 / density);
    this.cost += space.cost;
    return value;
  }

  /** {noises, sum, squares, map (whole picture)}: sums over all noises so far. */
  report() {
    const { noises, sum, squares, varying, whole } = this;
    const map = new Float64Array(whole);
    this.space.map().forEach((value, i) => (this.sums[i] += value));
    this.space.clear();
    varying.forEach((place, i) => (map[place] = this.sums[i]));
    return { noises, sum, squares, map };
  }
}

/** Where pictures differ: all else holds nothing. */
function varyingOf(levels, count, length) {
  const found = [];
  for (let j = 0; j < length; j++) {
    let k = 1;
    while (k < count && levels[k * length + j] === levels[j]) k++;
    if (k < count) found.push(j);
  }
  return found;
}

function spaceOf(levels, count, varying, next) {
  const length = varying.length;
  const few = count <= MOST_BY_PRODUCTS;
  const rows = few ? new Float64Array(count * length) : new Int8Array(count * length);
  const whole = levels.length / count;
  for (let k = 0; k < count; k++)
    for (let j = 0; j < length; j++) {
      const level = levels[k * whole + varying[j]];
      rows[k * length + j] = few ? (level - levels[varying[j]]) / 127.5 : level - 128;
    }
  return few ? new Gram({ rows, count, length }, next) : new Pixels({ levels: rows, count, length }, next);
}
