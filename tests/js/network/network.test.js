// The network by hand beside PyTorch, on the same rows.
import assert from "node:assert/strict";
import { test } from "node:test";
import { apart, js, net, numbers, values } from "./values.js";

const SIZE = 3 * 32 * 32;
const NEAR = 1e-5;

test("what the network believes of a hundred rows is PyTorch's", () => {
  const [z, expected] = [numbers("z"), numbers("x")];
  const far = values.rows.map(({ logsnr, text }, n) => {
    const part = (all) => all.subarray(n * SIZE, (n + 1) * SIZE);
    const found = js.guess(net, Float64Array.from(part(z)), logsnr, text);
    const scale = Math.min(1, Math.exp(logsnr / 2)); // ε̂ = (z − signal x̂) / noise
    return [scale * apart(found, part(expected)), apart(found, part(expected))];
  });
  const most = [0, 1].map((k) => Math.max(...far.map((pair) => pair[k])));
  console.log(`ε̂ differs by ${most[0]} at most, x̂ by ${most[1]}`);
  assert.equal(far.length, 100);
  assert.ok(most[0] < NEAR && most[1] < 10 * NEAR, `${most}`);
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
