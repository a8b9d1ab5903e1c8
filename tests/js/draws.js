// Writes what the engine draws of each seed as float64, for the package to estimate with: log-SNR and noise of each of
// the 32 draws of a sweep, and the noise of the picture under the slider.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { engine, values } from "./values.js";

const write = (name, numbers) => writeFileSync(join(process.env.ENGINE_VALUES, name), Float64Array.from(numbers));

for (const seed of values.seeds) {
  const estimator = engine.estimator(values.scene, "", seed);
  const draws = [];
  while (!estimator.step((logsnr, _, noise) => draws.push(logsnr, ...noise)));
  write(`draws-${seed}.bin`, draws);
  write(`noise-${seed}.bin`, engine.gaussian(seed, 2));
}
