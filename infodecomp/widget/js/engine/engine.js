import { denoise, flow } from "./denoiser.js";
import { Estimator } from "./estimator.js";
import { possible, prepareGrammar, readings, replaced, units } from "./grammar.js";
import { look } from "./look.js";
import { logProb } from "./posterior.js";
import { picture, preparePictures, rgba } from "./pictures.js";
import { questions, rivals } from "./questions.js";
import { gaussian } from "./random.js";
import { alternatives, captions, orders, wordings } from "./variants.js";

const ABOUT_A_WORLD = {
  picture, rgba, readings, possible, units, alternatives, wordings, orders, captions, logProb, gaussian, questions,
  rivals, denoise, look, flow,
};

/**
 * The world of scenes: what texts mean, the exact denoiser, and Equations 4 to 6 sample by sample, in nats.
 *
 * `data` is what infodecomp.widget.lab.world() exports. Pictures are (3, 32, 32) in units of x, maps (32, 32) with
 * channels summed. Needs no page: it runs in a worker as well.
 */
export function makeEngine(data) {
  const logPrior = data.nouns_prior.map((plane) => plane.map((row) => row.map(Math.log))); // night, first, second
  const world = { ...data, pictures: preparePictures(data), grammar: prepareGrammar(data), logPrior, lastAsked: {} };
  const bound = Object.entries(ABOUT_A_WORLD).map(([name, about]) => [name, (...given) => about(world, ...given)]);
  const estimator = (scene, text, seed) => new Estimator(world, scene, text, seed);
  return { ...Object.fromEntries(bound), replaced, estimator, world };
}
