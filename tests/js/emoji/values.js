// The emoji lab's modules as they are shipped, and what the package says: tests/test_emojilab_engine.py writes both.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.env.EMOJI_VALUES;
if (!folder) throw new Error("EMOJI_VALUES must name the folder that tests/test_emojilab_engine.py writes: run that file");

export const load = (name) => import(pathToFileURL(join(folder, name)));
export const text = (name) => readFileSync(join(folder, name), "utf8");
export const values = JSON.parse(text("values.json"));

/** A context's pictures as a worker gets them. */
export const asked = ({ file, fits, ...about }, seed = 1, stream = 0) => ({
  ...about,
  levels: new Uint8Array(readFileSync(join(folder, file))),
  fits: Uint8Array.from(fits),
  seed,
  stream,
});

/** {nats, stderr, map, sum} of an estimate after that many noises. */
export function after(estimate, noises) {
  while (estimate.noises < noises) estimate.step();
  const { sum, squares, map } = estimate.report();
  const nats = sum / noises;
  const stderr = Math.sqrt((squares / noises - nats ** 2) / (noises - 1));
  return { nats, stderr, map: map.map((v) => v / noises), sum: map.reduce((a, b) => a + b) / noises };
}

export function within(found, truth, stderr, what) {
  assert.ok(stderr > 0 && Math.abs(found - truth) < 4 * stderr, `${what}: ${found} ± ${stderr}, not ${truth}`);
}

export function correlation(a, b) {
  const mean = (list) => list.reduce((x, y) => x + y) / list.length;
  const [ma, mb] = [mean(a), mean(b)];
  const product = (x, y, mx, my) => x.reduce((sum, v, i) => sum + (v - mx) * (y[i] - my), 0);
  return product(a, b, ma, mb) / Math.sqrt(product(a, a, ma, ma) * product(b, b, mb, mb));
}

/** A map with channels summed. */
export const pixels = (map) =>
  Array.from({ length: map.length / 3 }, (_, p) => map[3 * p] + map[3 * p + 1] + map[3 * p + 2]);
