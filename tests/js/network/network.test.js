// The network by hand beside PyTorch, on the same rows.
import assert from "node:assert/strict";
import { test } from "node:test";
import { apart, js, net, numbers, values } from "./values.js";

const SIZE = 3 * 32 * 32;
const NEAR = 1e-5;

test("what the network believes of a hundred rows is PyTorch's", () => {
  const [z, expected] = [numbers("z"), numbers("eps")];
  const far = values.rows.map(({ logsnr, text }, n) => {
    const part = (all) => all.subarray(n * SIZE, (n + 1) * SIZE);
    const [signal, noise] = [Math.sqrt(1 / (1 + Math.exp(-logsnr))), Math.sqrt(1 / (1 + Math.exp(logsnr)))];
    const guessed = js.guess(net, Float64Array.from(part(z)), logsnr, text);
    return apart(part(z).map((value, i) => (value - signal * guessed[i]) / noise), part(expected));
  });
  assert.ok(far.length === values.rows.length && far.length >= 10);
  console.log(`ε̂ differs by ${Math.max(...far)} at most`);
  assert.ok(Math.max(...far) < NEAR, `${Math.max(...far)}`);
});

test("captions are embedded as by transformers", () => {
  const tokens = numbers("tokens");
  const length = 24 * 96;
  values.texts.forEach(({ text, pooled }, n) => {
    const found = js.embedding(net, text);
    assert.ok(apart(found.tokens, tokens.subarray(n * length, (n + 1) * length)) < NEAR, text);
    assert.ok(apart(found.tokens.subarray(found.pooled * 96, found.pooled * 96 + 96), pooled) < NEAR, text);
  });
  assert.throws(() => js.embedding(net, "the red dragon"), /does not know/);
});
