import assert from "node:assert/strict";
import { test } from "node:test";
import { after, asked, correlation, load, pixels, values, within } from "./values.js";

const { Estimate, Gram, Pixels } = await load("finite.mjs");
const slow = (name) => name === "firefighter"; // more than 64 pictures: pixel by pixel

for (const [name, about] of Object.entries(values.cases))
  test(`${name}: the total is the count, within four standard errors`, () => {
    const estimate = new Estimate(asked(about));
    assert.ok(estimate.space instanceof (slow(name) ? Pixels : Gram));
    const { nats, stderr, map, sum } = after(estimate, slow(name) ? 400 : 6000);
    within(nats, about.truth, stderr, name);
    assert.ok(Math.min(...map) >= 0);
    const one = about.fits.reduce((a, b) => a + b) === 1;
    if (one) assert.ok(Math.abs(sum - nats) < 1e-3 * nats, `the map sums to ${sum}, not ${nats}`);
    const least = slow(name) ? 0.97 : 0.98;
    if (about.map) assert.ok(correlation(pixels(map), about.map) > least, `${correlation(pixels(map), about.map)}`);
  });

test("the map of several that fit sums to the count on average over them", () => {
  let [sum, variance, count] = [0, 0, 0];
  let differing = 0; // maps of which each alone does not sum to the count
  for (const about of values.several) {
    const parts = [1, 2, 3, 4].map((seed) => after(new Estimate(asked(about, seed)), 2000).sum);
    const mean = parts.reduce((a, b) => a + b) / 4;
    const squared = parts.reduce((a, b) => a + (b - mean) ** 2, 0) / 12;
    differing += Math.abs(mean - about.truth) > 5 * Math.sqrt(squared);
    sum += mean;
    variance += squared;
    count += 1;
  }
  assert.ok(count > 1 && differing > 1, `${differing} of ${count}`);
  within(sum / count, values.several[0].truth, Math.sqrt(variance) / count, "mean of the maps’ sums");
});

test("pictures by their products and pixel by pixel say the same", () => {
  const about = asked(values.cases.sunglasses);
  const exact = after(new Estimate(about), 6000);
  const estimate = new Estimate(about);
  const { varying } = estimate;
  const levels = new Int8Array(11 * varying.length);
  for (let k = 0; k < 11; k++)
    varying.forEach((j, i) => (levels[k * varying.length + i] = about.levels[(k * about.levels.length) / 11 + j] - 128));
  estimate.space = new Pixels({ levels, count: 11, length: varying.length }, estimate.next);
  Object.assign(estimate, { noises: 0, sum: 0, squares: 0 });
  estimate.sums.fill(0);
  const other = after(estimate, 1000);
  within(other.nats, values.cases.sunglasses.truth, other.stderr, "pixel by pixel");
  assert.ok(correlation(pixels(exact.map), pixels(other.map)) > 0.99);
  const [one, two] = [exact, other].map(({ stderr }, i) => stderr * Math.sqrt([6000, 1000][i]));
  assert.ok(Math.abs(Math.log(one / two)) < 0.3, `${one} and ${two}: the same spread of noises`);
});

test("the same seed says the same, another seed or worker does not", () => {
  const run = (seed, stream) => after(new Estimate(asked(values.cases.medium, seed, stream)), 50).nats;
  assert.equal(run(3, 0), run(3, 0));
  assert.notEqual(run(3, 0), run(4, 0));
  assert.notEqual(run(3, 0), run(3, 1));
});

test("a picture that stands twice in a context is nothing to divide by", () => {
  const about = asked(values.cases.medium);
  const length = about.levels.length / about.fits.length;
  const levels = new Uint8Array(about.levels.length + length);
  levels.set(about.levels);
  levels.set(about.levels.subarray(length, 2 * length), about.levels.length);
  const { nats, stderr } = after(new Estimate({ ...about, levels, fits: Uint8Array.from([...about.fits, 0]) }), 4000);
  within(nats, Math.log(6), stderr, "six pictures, two of them alike");
});
