import { addNoise, belief, epsHat, see } from "./denoiser.js";
import { picture, rgba } from "./pictures.js";
import { questions } from "./questions.js";
import { gaussian } from "./random.js";

/** A noisy picture and, of a question that can be asked, what both conditions believe and both integrands, (32, 32). */
export function look(world, scene, text, name, logsnr, seed) {
  const { names, pairs, rows } = questions(world, scene, text);
  const noise = gaussian(world, seed, 2);
  const z = addNoise(picture(world, scene), logsnr, noise);
  const noisy = rgba(world, z);
  if (!names.includes(name)) return { noisy, y: null };
  const seen = see(world, z, logsnr);
  const [y, given] = pairs[names.indexOf(name)].map((c) => epsHat(seen, belief(world, seen, rows[c])));
  const shown = (eps) => rgba(world, z.map((value, i) => (value - Math.sqrt(seen.noise) * eps[i]) / seen.scale));
  return { noisy, y: shown(y), given: shown(given), ...integrands(world, noise, y, given) };
}

function integrands({ pictures: { pixels } }, noise, y, given) {
  const [orthogonal, standard] = [new Float64Array(pixels), new Float64Array(pixels)];
  for (let i = 0; i < noise.length; i++) {
    orthogonal[i % pixels] += 0.5 * (y[i] - given[i]) ** 2;
    standard[i % pixels] += 0.5 * ((noise[i] - given[i]) ** 2 - (noise[i] - y[i]) ** 2);
  }
  return { orthogonal, standard };
}
