import assert from "node:assert/strict";
import { test } from "node:test";
import vm from "node:vm";
import { asked, text, values, within } from "./values.js";

/** The worker's script with a worker's globals; say sends it a message, until waits for an answer. */
function start(t, globals = {}) {
  const answers = [];
  const postMessage = (message) => answers.push(message);
  const context = vm.createContext({ postMessage, performance, setTimeout, atob, onmessage: null, ...globals });
  if ("WebAssembly" in globals) vm.runInContext("WebAssembly = undefined", context);
  vm.runInContext(text("worker.js"), context);
  const say = (message) => context.onmessage({ data: message });
  t.after(() => say({ what: "end" }));
  const until = async (fits) => {
    while (!answers.some(fits)) await new Promise((resolve) => setTimeout(resolve, 5));
    return answers.findLast(fits);
  };
  return { answers, say, until };
}

const ask = (id, name, more) => ({ what: "measure", id, slowly: false, ...asked(values.cases[name]), ...more });
const rest = () => new Promise((resolve) => setTimeout(resolve, 150));

test("it reports sums that meet the count, again and again, until it is told to end", async (t) => {
  const { answers, say, until } = start(t);
  say(ask(1, "sunglasses"));
  const { sum, squares, noises, draws, map } = await until(({ noises }) => noises > 3000);
  within(sum / noises, Math.log(11), Math.sqrt((squares / noises - (sum / noises) ** 2) / noises), "sunglasses");
  assert.equal(draws, 8 * noises);
  assert.equal(map.length, 48 * 48 * 3);
  say({ what: "end" });
  const count = answers.length;
  await rest();
  assert.ok(answers.length <= count + 1);
});

test("slowly, the first report is of one or two noises, and the next of more", async (t) => {
  const { answers, say, until } = start(t);
  say(ask(1, "medium", { slowly: true }));
  await until(({ noises }) => noises > 3);
  assert.ok(answers[0].noises <= 2 && answers[1].noises > answers[0].noises);
});

test("a new question ends the old one; a pause stops and goes on", async (t) => {
  const { answers, say, until } = start(t);
  say(ask(1, "sunglasses"));
  say(ask(2, "medium"));
  await until(({ id }) => id === 2);
  assert.ok(answers.every(({ id }) => id === 2));
  say({ what: "pause", paused: true });
  await rest();
  const { noises } = answers.at(-1);
  await rest();
  assert.equal(answers.at(-1).noises, noises);
  say({ what: "pause", paused: false });
  await until((answer) => answer.noises > noises);
});

test("where WebAssembly is refused, plain JavaScript says the same", async (t) => {
  const first = {};
  for (const globals of [{}, { WebAssembly: undefined }]) {
    const { answers, say, until } = start(t, globals);
    say(ask(1, "firefighter", { slowly: true }));
    await until(({ noises }) => noises >= 1);
    say({ what: "end" });
    first["WebAssembly" in globals] = answers[0];
  }
  const [a, b] = [first[false], first[true]];
  assert.equal(a.noises, b.noises);
  assert.ok(Math.abs(a.sum - b.sum) < 1e-3 * Math.abs(a.sum), `${a.sum} ${b.sum}`);
});
