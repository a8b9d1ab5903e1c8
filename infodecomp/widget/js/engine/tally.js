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
    const of = (who) => {
      const pairs = this.pairs.map((pair) => pair[who]);
      return { own: meanOf(pairs, ([caption, rest]) => rest - caption), against: this.against(pairs) };
    };
    return Object.fromEntries(DENOISERS.map((who) => [who, of(who)]));
  }

  /** Bayes' rule over the alternatives: −log Σ_a π_a p(x|a)/p(x|caption), the ratios from the same draws. */
  against(pairs) {
    const behind = (errors, a) => (a === 0 ? 0 : errors[a + 1] - errors[0]); // of the caption's, in nats
    const evidence = this.logPrior.map((log, a) => log - meanOf(pairs, (errors) => behind(errors, a))[0]);
    const most = Math.max(...evidence);
    const weights = evidence.map((log) => Math.exp(log - most));
    const sum = weights.reduce((a, b) => a + b);
    const share = (errors) => weights.reduce((total, weight, a) => total + (weight / sum) * behind(errors, a), 0);
    return [-most - Math.log(sum), meanOf(pairs, share)[1]];
  }
}

/** [mean, standard error] of a value of each draw, from the differences within pairs. */
function meanOf(pairs, value) {
  let [sum, squares, fourths] = [0, 0, 0];
  for (const [first, second] of pairs) {
    const [a, b] = [value(first), value(second)];
    sum += a + b;
    squares += (a - b) ** 2;
    fourths += (a - b) ** 4;
  }
  const draws = 2 * pairs.length;
  return [sum / draws, (widening(squares, fourths, pairs.length) * Math.sqrt(squares)) / draws];
}
