import { addNoise, belief, epsHat, see } from "../engine/denoiser.js";
import { drawLogSnr } from "../engine/estimator.js";
import { readings } from "../engine/grammar.js";
import { picture, rgba } from "../engine/pictures.js";
import { gaussian, random } from "../engine/random.js";
import { STRATA } from "../engine/tally.js";
import { guess, halfSquares } from "./network.js";

const STREAM = 4; // of noise: other draws of the lab have other ones

/** What the exact denoiser believes to be the picture. */
function exactGuess(world, seen, z, rows) {
  const eps = epsHat(seen, belief(world, seen, rows));
  return z.map((value, i) => (value - Math.sqrt(seen.noise) * eps[i]) / seen.scale);
}

/**
 * A pair of draws of log-SNR and noise, on which both denoisers are asked under the same texts. Yields between
 * evaluations, and returns {exact, network}: of each draw, for each text, half the squared error over the density.
 */
export function* pairOfDraws(world, net, { scene, texts, seed }, pair) {
  const x = picture(world, scene);
  const found = { exact: [], network: [] };
  for (const number of [2 * pair, 2 * pair + 1]) {
    const uniform = random(seed, STREAM, number);
    const { logsnr, weight } = drawLogSnr(net.proposal, ((pair % STRATA) + uniform()) / STRATA);
    const z = addNoise(x, logsnr, gaussian(world, seed, STREAM + 1, number));
    const seen = see(world, z, logsnr);
    const error = (guessed) => weight * halfSquares(x, logsnr, guessed);
    found.exact.push(texts.map((text) => error(exactGuess(world, seen, z, readings(world, text)))));
    const errors = [];
    for (const text of texts) {
      errors.push(error(guess(net, z, logsnr, text)));
      yield;
    }
    found.network.push(errors);
  }
  return found;
}

/** What both denoisers believe of one noisy picture under a text, as bytes. */
export function bothGuesses(world, net, { scene, text, seed, logsnr }) {
  const z = addNoise(picture(world, scene), logsnr, gaussian(world, seed, 2));
  const exact = exactGuess(world, see(world, z, logsnr), z, readings(world, text));
  return { exact: rgba(world, exact), network: rgba(world, guess(net, z, logsnr, text)) };
}
