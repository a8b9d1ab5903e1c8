// Pairs of draws, and what is said of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { js, net, values } from "./values.js";

const engine = js.makeEngine(values.world);
const SCENE = { axis: 0, far: 1, night: 0, first: 0, second: 20 };
const TEXT = engine.captions(SCENE)[0];

/** A pair's errors, and how many evaluations it took. */
function pairOf(texts, pair, seed = 3) {
  const drawing = js.pairOfDraws(engine.world, net, { scene: SCENE, texts, seed }, pair);
  let evaluations = 0;
  for (let step = drawing.next(); ; step = drawing.next()) {
    if (step.done) return { ...step.value, evaluations };
    evaluations += 1;
  }
}

test("a word is measured by its caption, the caption without it, and its alternatives with their prior", () => {
  for (const { text, word, texts, prior } of values.rivals) {
    const unit = engine.units(text).find(([start]) => start === word);
    const found = engine.rivals(text, unit);
    assert.deepEqual(new Set([found.texts[0], ...found.texts.slice(2)]), new Set(texts), text);
    found.logPrior.forEach((log, a) => {
      const own = prior[texts.indexOf(found.texts[a && a + 1])];
      assert.ok(Math.abs(Math.exp(log) - own) < 1e-9, text);
    });
  }
  assert.equal(engine.rivals("the cat left of the blue boat", engine.units("the cat left of the blue boat")[1]), null);
});

test("a pair is the same whoever draws it, and each of its texts is asked twice", () => {
  const [first, again, other] = [5, 5, 13].map((pair) => pairOf([TEXT], pair));
  assert.equal(first.evaluations, 2);
  assert.deepEqual(first, again);
  assert.notDeepEqual(first.exact, other.exact);
  for (const { exact, network } of [first, other])
    [exact, network].forEach((draws) => assert.ok(draws.flat().every((error) => error > 0)));
});

test("the network errs a few nats more than the exact denoiser", () => {
  const pairs = Array.from({ length: 8 }, (_, pair) => pairOf([TEXT], pair));
  const mean = (who) => pairs.flatMap((pair) => pair[who]).flat().reduce((a, b) => a + b) / 16;
  const excess = mean("network") - mean("exact");
  console.log(`exact ${mean("exact")}, more ${excess}`);
  assert.ok(mean("exact") > 1 && excess > 0 && excess < 50, `${excess}`);
});

test("only whole sweeps count; means, errors and Bayes' rule are what they are called", () => {
  const next = js.random(4, 2);
  const tally = new js.Tally([Math.log(0.5), Math.log(0.3), Math.log(0.2)]);
  const draw = () => [1 + next(), 3 + next(), 1.5 + next(), 2 + next()];
  const pairs = Array.from({ length: 24 }, () => ({ exact: [draw(), draw()], network: [draw(), draw()] }));
  [...pairs.keys()].reverse().forEach((number) => number && tally.add(number, pairs[number]));
  assert.equal(tally.draws(), 32);
  tally.add(0, pairs[0]);
  assert.equal(tally.draws(), 48);
  const all = pairs.flatMap(({ network }) => network);
  const mean = (value) => all.reduce((total, errors) => total + value(errors), 0) / all.length;
  const { own, against } = tally.totals().network;
  assert.ok(Math.abs(own[0] - mean(([y, rest]) => rest - y)) < 1e-12);
  const ratios = [0, mean(([y, , a]) => a - y), mean(([y, , , a]) => a - y)];
  const evidence = ratios.map((ratio, a) => [0.5, 0.3, 0.2][a] * Math.exp(-ratio));
  const whole = evidence.reduce((a, b) => a + b);
  assert.ok(Math.abs(against[0] + Math.log(whole)) < 1e-12);
  const value = (errors) => (evidence[1] * (errors[2] - errors[0]) + evidence[2] * (errors[3] - errors[0])) / whole;
  const squares = pairs.reduce((total, { network: [a, b] }) => total + (value(a) - value(b)) ** 2, 0);
  const bare = Math.sqrt(squares) / 48;
  assert.ok(against[1] >= bare && against[1] < 1.2 * bare);
});
