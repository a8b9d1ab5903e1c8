import assert from "node:assert/strict";
import { test } from "node:test";
import { engine, near, values } from "./values.js";

const { scene } = values.scenes[0];
const TEXT = engine.captions(scene)[0];
const KINDS = ["orthogonal", "standard"];

function sweeps(count, seed, text = TEXT) {
  const estimator = engine.estimator(scene, text, seed);
  for (let i = 0; i < 32 * count; i++) estimator.step();
  return estimator;
}

test("estimates, maps, profiles and errors are the package's on the same noise", () => {
  let nonzero = 0;
  for (const { scene: asked, text, name, seed, exact, ...expected } of values.estimates) {
    const estimator = engine.estimator(asked, text, seed);
    for (let i = 1; i <= 32; i++) assert.equal(estimator.step(), i === 32);
    assert.equal(estimator.samples(), 32);
    const q = estimator.names.indexOf(name);
    near(estimator.exact[q], exact, `${name} of ${text}, exact`, 1e-9);
    for (const kind of KINDS) {
      const about = `${kind} ${name} of “${text}”, seed ${seed}`;
      const view = estimator.view(name, kind);
      near(estimator.totals(kind)[q], expected[kind].total, about);
      for (const part of ["map", "error", "profile", "profileError"])
        near(view[part], expected[kind][part], `${part}, ${about}`);
      nonzero += Math.abs(estimator.totals(kind)[q][0]) > 0.1;
    }
  }
  assert.ok(nonzero > values.estimates.length); // of two kinds each
});

test("maps add up to the nats, and profiles too", () => {
  const estimator = sweeps(2, 1);
  const sum = (numbers) => numbers.reduce((a, b) => a + b);
  for (const kind of KINDS)
    estimator.names.forEach((name, q) => {
      const { map, profile, step } = estimator.view(name, kind);
      const nats = estimator.totals(kind)[q][0];
      near(sum(map), nats, `map of ${name}`, 1e-9);
      near(step * sum(profile), nats, `profile of ${name}`, 0.02);
      if (kind === "orthogonal") assert.ok(Math.min(...map) >= 0);
    });
});

test("estimates meet the exact nats as their errors say", () => {
  const estimator = sweeps(12, 2);
  const caption = estimator.names.indexOf("caption");
  const [nats, error] = estimator.totals("standard")[caption];
  assert.ok(error > 0 && error < 0.6 && Math.abs(nats - estimator.exact[caption]) < 4 * error, `${nats} ± ${error}`);
});

test("the same seed gives the same numbers, another seed others", () => {
  const [a, b, c] = [sweeps(2, 7), sweeps(2, 7), sweeps(2, 8)].map((e) => e.totals("standard"));
  assert.deepEqual(a, b);
  assert.notDeepEqual(a, c);
});

test("the questions of a text that fits are about every word; what has no text is left out", () => {
  const { names, conditions, exact } = engine.estimator(scene, TEXT, 0);
  const words = engine.units(TEXT).length;
  assert.deepEqual(names.slice(0, 2), ["caption", "order"]);
  for (let i = 0; i < words; i++) assert.ok(names.includes(`MI ${i}`));
  assert.ok(conditions > words && exact.every(Number.isFinite));
  const fragment = engine.estimator(scene, "the cat left of the blue boat", 0).names;
  assert.ok(fragment.includes("MI 1") && !fragment.includes("CMI 1")); // no text has the second “the” alone
});

test("a word that says nothing new tells nothing", () => {
  const estimator = sweeps(1, 3);
  for (const kind of KINDS) near(estimator.totals(kind)[estimator.names.indexOf("CMI 0")], [0, 0], "the", 1e-9);
});

test("before a sweep is whole nothing is shown; what is not asked never is", () => {
  const estimator = engine.estimator(scene, TEXT, 0);
  for (let i = 0; i < 31; i++) assert.equal(estimator.step(), false);
  assert.equal(estimator.view("caption", "orthogonal"), null);
  assert.equal(estimator.samples(), 0);
  assert.equal(estimator.step(), true);
  assert.equal(estimator.view("CMI 99", "orthogonal"), null);
  assert.equal(estimator.view("caption", "orthogonal").map.length, 1024);
});

test("a text that does not fit: minus infinity by counting, finite for blurred pictures", () => {
  const wrong = { axis: 0, far: 1, night: 0, first: values.wrong.first, second: values.wrong.second };
  const { names, exact, density } = engine.questions(wrong, values.wrong.text);
  const q = names.indexOf("CMI 1");
  assert.equal(exact[q], -Infinity);
  near(density[q], values.wrong.density, "of blurred pictures", 1e-4);
});
