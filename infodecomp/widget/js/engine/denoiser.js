import { addBelieved } from "./pictures.js";
import { beliefs } from "./posterior.js";
import { PLACES, THINGS } from "./things.js";

export const sigmoid = (a) => 1 / (1 + Math.exp(-a));

/** z (3, 32, 32) of a picture x at a log-SNR. */
export function addNoise(x, logsnr, noise) {
  return x.map((value, i) => Math.sqrt(sigmoid(logsnr)) * value + Math.sqrt(sigmoid(-logsnr)) * noise[i]);
}

/** What all conditions share at z: z less the base (r), its signal and noise, and the scores of objects and night. */
export function see(world, z, logsnr) {
  const { base, places, things, night } = world.pictures;
  const signal = sigmoid(logsnr);
  const noise = sigmoid(-logsnr);
  const scale = Math.sqrt(signal);
  const width = signal * world.jitter ** 2 + noise;
  const r = z.map((value, i) => value - scale * base[i]);
  const score = (product, norm) => (scale * product - (signal * norm) / 2) / width;
  const scores = { things: new Float64Array(PLACES * THINGS), dark: score(nightProduct(r, night), night.norm) };
  const patch = new Float64Array(places[0].length);
  places.forEach((where, place) => {
    for (let i = 0; i < patch.length; i++) patch[i] = r[where[i]];
    for (let thing = 0; thing < THINGS; thing++)
      scores.things[place * THINGS + thing] = score(patchProduct(patch, things[thing].values), things[thing].norm);
  });
  return { signal, noise, scale, width, r, scores };
}

function nightProduct(r, { where, values }) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += r[where[i]] * values[i];
  return sum;
}

function patchProduct(patch, values) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += patch[i] * values[i];
  return sum;
}

/** What a condition believes to stand on the base, (3, 32, 32) in units of x. */
export function belief(world, seen, rows, into = new Float64Array(world.pictures.length)) {
  into.fill(0);
  const { weights, night } = beliefs(world, seen.scores, rows);
  addBelieved(world, into, weights, night);
  return into;
}

/** ε̂ from what is believed to stand on the base. */
export function epsHat(seen, believed) {
  return believed.map((m, i) => (Math.sqrt(seen.noise) * (seen.r[i] - seen.scale * m)) / seen.width);
}

/** ε̂ of z at a log-SNR under the readings of a condition. */
export function denoise(world, z, logsnr, rows) {
  const seen = see(world, z, logsnr);
  return epsHat(seen, belief(world, seen, rows));
}

/** The probability-flow ODE from noise under a condition, by Heun's method on Karras' noise levels, step by step. */
export function* flow(world, noise, rows, steps) {
  const ends = world.flow.map((logsnr) => Math.exp(-logsnr / 2) ** (1 / 7));
  const sigmas = Array.from({ length: steps + 1 }, (_, i) => (ends[0] + (i / steps) * (ends[1] - ends[0])) ** 7);
  const slope = (at, sigma) => {
    const z = at.map((value) => value / Math.sqrt(1 + sigma ** 2));
    return denoise(world, z, -2 * Math.log(sigma), rows);
  };
  let y = noise.map((value) => value * Math.sqrt(1 + sigmas[0] ** 2));
  for (let i = 0; i < steps; i++) {
    const step = sigmas[i + 1] - sigmas[i];
    const first = slope(y, sigmas[i]);
    const second = slope(y.map((value, j) => value + step * first[j]), sigmas[i + 1]);
    y = y.map((value, j) => value + (step * (first[j] + second[j])) / 2);
    yield { y, sigma: sigmas[i + 1], step: i + 1 };
  }
}
