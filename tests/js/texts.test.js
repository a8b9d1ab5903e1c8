import assert from "node:assert/strict";
import { test } from "node:test";
import { engine, near, values } from "./values.js";

const sorted = (rows) => rows.map((row) => [...row].map((v) => v.toFixed(9)).join()).sort();

test("captions, what is possible, and log p(scene | text) are the package's", () => {
  for (const { scene, captions, texts } of values.scenes) {
    assert.deepEqual(engine.captions(scene), captions);
    for (const { text, possible, logProb } of texts) {
      assert.equal(engine.possible(text), possible, text);
      if (possible) near(engine.logProb(scene, engine.readings(text)), logProb ?? -Infinity, text, 1e-9);
    }
  }
});

test("readings are the package's", () => {
  for (const { text, rows } of values.readings) assert.deepEqual(sorted(engine.readings(text)), sorted(rows), text);
});

test("information is the package's, for pairs of a scene and a text", () => {
  for (const { scene, text, names, nats } of values.information) {
    const found = engine.questions(scene, text);
    names.forEach((name, i) => near(found.exact[found.names.indexOf(name)], nats[i], `${name} of ${text}`, 1e-9));
  }
});

test("units, alternatives and orders are the package's", () => {
  for (const { text, units, alternatives, orders } of values.variants) {
    assert.deepEqual(engine.units(text), units);
    assert.deepEqual(units.map((unit) => engine.alternatives(text, unit).sort()), alternatives);
    assert.deepEqual(engine.orders(text).sort(), orders);
  }
});

test("another noun brings its own state along", () => {
  const text = "the sitting red cat left of the blue boat";
  const found = engine.wordings(text, [3, 4, "cat"]);
  assert.ok(found.some(({ word, text: t }) => word === "fish" && t === "the one red fish left of the blue boat"));
  assert.deepEqual(found.map(({ word }) => word).sort(), values.nouns.filter((noun) => noun !== "boat").sort());
  const short = engine.wordings("the sitting cat left of the blue boat", [2, 3, "cat"]);
  assert.ok(short.some(({ word, text: t }) => word === "fish" && t === "the one fish left of the blue boat"));
  assert.equal(short.length, 7);
});

test("words can be taken out and put in", () => {
  assert.equal(engine.replaced("the red cat", [1, 2], ""), "the cat");
  assert.equal(engine.replaced("the cat left of the boat", [2, 4, "left of"], "above"), "the cat above the boat");
});

test("what is no text of the grammar has no readings and fits no scene", () => {
  const { scene } = values.scenes[0];
  for (const text of ["cat cat", "hello", "the red toString", "__proto__", "the the", "of left"]) {
    assert.deepEqual(engine.readings(text), [], text);
    assert.equal(engine.logProb(scene, engine.readings(text)), NaN, text);
  }
});

test("every scene together has the probability one", () => {
  const { things } = values.world;
  let sum = 0;
  const rows = engine.readings("the red cat left of the blue boat");
  for (let layout = 0; layout < 4; layout++)
    for (let night = 0; night < 2; night++)
      for (let first = 0; first < things.length; first++)
        for (let second = 0; second < things.length; second++) {
          if (things[first][0] === things[second][0]) continue; // no scene has two of a kind
          const scene = { axis: Math.floor(layout / 2), far: layout % 2, night, first, second };
          sum += Math.exp(engine.logProb(scene, rows));
        }
  near(sum, 1, "sum over all scenes", 1e-9);
});
