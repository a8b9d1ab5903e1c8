import assert from "node:assert/strict";
import { test } from "node:test";
import { dot, engine, near, values } from "./values.js";

const TEXT = "the red cat left of the blue boat";
const { scene } = values.scenes[0];

test("ε̂ is the package's at every log-SNR, under texts and without", () => {
  for (const { z, logsnr, text, eps } of values.eps)
    near(engine.denoise(Float64Array.from(z), logsnr, engine.readings(text)), eps, `ε̂ of “${text}” at ${logsnr}`);
});

test("ε̂ under a text does not change with what was asked before", () => {
  const z = engine.gaussian(5, 5);
  const before = engine.denoise(z, -5, engine.readings(TEXT));
  engine.denoise(engine.gaussian(6), 2, engine.readings("moon"));
  assert.deepEqual(engine.denoise(z, -5, engine.readings(TEXT)), before);
});

test("the pictures and integrands under the slider are the package's", () => {
  for (const { question, logsnr, seed, noise, pictures, orthogonal, standard, ...asked } of values.looks) {
    const found = engine.look(asked.scene, asked.text, question, logsnr, seed);
    assert.deepEqual([...engine.gaussian(seed, 2)], noise);
    const shown = [found.noisy, found.y, found.given];
    shown.forEach((rgba, k) => pictures[k].forEach((level, i) => {
      const at = 4 * Math.floor(i / 3) + (i % 3);
      assert.ok(Math.abs(rgba[at] - level) <= 1, `${question}, picture ${k}`);
    }));
    near(found.orthogonal, orthogonal, `${question}, i°`);
    near(found.standard, standard, `${question}, iˢ`);
    assert.ok(Math.max(...found.orthogonal) > 1e-5); // there is something to compare
  }
});

test("a question that cannot be asked has a noisy picture only", () => {
  const found = engine.look(scene, TEXT, "CMI 99", -5, 1);
  assert.equal(found.y, null);
  assert.deepEqual(found.noisy, engine.look(scene, TEXT, "caption", -5, 1).noisy);
});

test("the flow from noise is the package's", () => {
  const { text, steps, noise, made } = values.flow;
  const path = [...engine.flow(Float64Array.from(noise), engine.readings(text), steps)];
  assert.deepEqual(path.map(({ step }) => step), Array.from({ length: steps }, (_, i) => i + 1));
  near(path.at(-1).y, made, "where the flow ends");
});

test("noise is Gaussian, and the same key gives the same", () => {
  const noise = engine.gaussian(3, 3);
  assert.deepEqual(engine.gaussian(3, 3), noise);
  const all = Array.from({ length: 40 }, (_, i) => [...engine.gaussian(7, i)]).flat();
  const error = 4 / Math.sqrt(all.length);
  near(dot(all, all) / all.length, 1, "variance", error * Math.SQRT2);
  near(all.reduce((a, b) => a + b) / all.length, 0, "mean", error);
  near(all.reduce((sum, v) => sum + v ** 4, 0) / all.length, 3, "fourth moment", error * Math.sqrt(96));
  for (const apart of [1, 2, 32, 1024])
    near(dot(all.slice(apart), all) / all.length, 0, `correlation ${apart} apart`, error);
  for (const other of [[3], [3, 4], [4, 3], [3, 3, 0]])
    near(dot(noise, engine.gaussian(...other)) / noise.length, 0, `with ${other}`, 4 / Math.sqrt(noise.length));
});
