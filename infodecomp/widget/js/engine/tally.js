import { widening } from "./widening.js";

export const STRATA = 8; // of equal probability; two draws in one are a pair, a pair in each is a sweep
const DENOISERS = ["exact", "network"];

/** What pairs of draws say of a word: in its own context, and against its alternatives, of both denoisers. */
export class Tally {
  /** logPrior: of the caption and its alternatives. */
  constructor(logPrior) {
    Object.assign(this, { logPrior, pairs: [], sweeps: [] }); // pairs of whole sweeps
  }

  /** A pair, by its number: {exact, network}, two draws each, of each text half the squared error over the density. */
  add(number, pair) {
    const sweep = Math.floor(number / STRATA);
    (this.sweeps[sweep] ??= []).push(pair);
    if (this.sweeps[sweep].length === STRATA) this.pairs.push(...this.sweeps[sweep]);
  }

  draws() {
    return 2 * this.pairs.length;
  }

  /** {exact, network}: of each {own, against}, which are [nats, standard error]. */
  totals() {
    if (this.counted === this.pairs.length) return this.known;
    this.counted = this.pairs.length;
    const of = (who) => {
      const pairs = this.pairs.map((pair) => pair[who]);
      const own = ([caption, rest]) => rest - caption;
      return { own: [meanOf(pairs, own), errorOf(pairs, own)], against: this.against(pairs) };
    };
    return (this.known = Object.fromEntries(DENOISERS.map((who) => [who, of(who)])));
  }

  /** Bayes' rule over the alternatives: −log Σ_a π_a p(x|a)/p(x|caption), the ratios from the same draws. */
  against(pairs) {
    const behind = (errors, a) => (a === 0 ? 0 : errors[a + 1] - errors[0]); // of the caption's, in nats
    const evidence = this.logPrior.map((log, a) => log - meanOf(pairs, (errors) => behind(errors, a)));
    const most = Math.max(...evidence);
    const weights = evidence.map((log) => Math.exp(log - most));
    const sum = weights.reduce((a, b) => a + b);
    const share = (errors) => weights.reduce((total, weight, a) => total + (weight / sum) * behind(errors, a), 0);
    return [-most - Math.log(sum), errorOf(pairs, share)];
  }
}

const meanOf = (pairs, value) => pairs.reduce((sum, [a, b]) => sum + value(a) + value(b), 0) / (2 * pairs.length);

/** The standard error of the mean of a value of each draw, from the differences within pairs. */
function errorOf(pairs, value) {
  const squares = pairs.map(([a, b]) => (value(a) - value(b)) ** 2);
  const sum = squares.reduce((total, square) => total + square, 0);
  const fourths = squares.reduce((total, square) => total + square ** 2, 0);
  return (widening(sum, fourths, pairs.length) * Math.sqrt(sum)) / (2 * pairs.length);
}
