import assert from "node:assert/strict";
import { test } from "node:test";
import vm from "node:vm";
import { engine, text, values } from "./values.js";

const TEXT = "the red cat left of the blue boat";
const { scene } = values.scenes[0];

/** The worker's script with a page's globals: say sends it a message, answers are kept, until waits for one. */
function start(t) {
  const answers = [];
  const copied = (message) => JSON.parse(JSON.stringify(message));
  const postMessage = (message) => answers.push(copied(message));
  const context = vm.createContext({ postMessage, performance, setTimeout, atob, onmessage: null });
  vm.runInContext(text("worker.js"), context);
  const say = (message) => context.onmessage({ data: message });
  say({ what: "world", data: values.world });
  t.after(() => say(ask(0, { most: 0 }))); // ends what goes on, also when a test has failed
  const until = async (fits) => {
    while (!answers.some(fits)) await new Promise((resolve) => setTimeout(resolve, 5));
    return answers.find(fits);
  };
  return { answers, say, until };
}

const ask = (id, more) => ({ what: "estimate", id, scene, text: TEXT, seed: 4, most: 64, ...more });

test("it estimates what the engine does, as often as it is asked, and rests", async (t) => {
  const { answers, say, until } = start(t);
  say({ what: "view", name: "MI 1", kind: "standard" });
  say(ask(1));
  assert.equal(answers[0].samples, 0); // at once: the exact numbers
  const last = await until(({ samples }) => samples === 64);
  const estimator = engine.estimator(scene, TEXT, 4);
  for (let i = 0; i < 64; i++) estimator.step();
  assert.deepEqual(last.standard, estimator.totals("standard"));
  assert.deepEqual(Object.values(last.view.map), [...estimator.view("MI 1", "standard").map]);
  assert.deepEqual(last.shown, { name: "MI 1", kind: "standard" });
  assert.ok(last.rate > 0 && last.conditions === estimator.conditions);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(answers.at(-1).samples, 64);
});

test("a new question ends the old one; pausing stops and goes on", async (t) => {
  const { answers, say, until } = start(t);
  say(ask(1, { most: 1e9 }));
  say(ask(2, { most: 1e9, text: "moon" }));
  await until(({ id, samples }) => id === 2 && samples > 0);
  say({ what: "pause", paused: true });
  const stopped = answers.at(-1);
  assert.ok(stopped.paused);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(answers.at(-1), stopped);
  assert.ok(answers.filter(({ id }) => id === 1).every(({ samples }) => samples === 0));
  say({ what: "pause", paused: false });
  await until(({ id, samples, paused }) => id === 2 && samples > stopped.samples && !paused);
  say({ what: "estimate", id: 3, scene, text: "moon", seed: 0, most: 32 });
  await until(({ id, samples }) => id === 3 && samples === 32);
});

test("it looks and plays, and says when it cannot", async (t) => {
  const { say, until } = start(t);
  say({ what: "look", id: 1, scene, text: TEXT, name: "caption", logsnr: -5, seed: 2 });
  const look = await until(({ what }) => what === "look");
  assert.deepEqual(Object.values(look.noisy), [...engine.look(scene, TEXT, "caption", -5, 2).noisy]);
  say({ what: "play", id: 1, scene, text: TEXT, name: "CMI 99", seed: 2, steps: 3 });
  assert.deepEqual((await until(({ what }) => what === "play")).pictures, []);
  say({ what: "play", id: 2, scene, text: TEXT, name: "caption", seed: 2, steps: 3 });
  const last = await until(({ what, step }) => what === "play" && step === 3);
  assert.equal(last.pictures.length, 2);
  assert.notDeepEqual(last.pictures[0], last.pictures[1]);
});
