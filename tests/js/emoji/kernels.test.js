import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./values.js";

const { kernels, plainKernels, random } = await load("finite.mjs");
const [ROWS, LENGTH] = [7, 96]; // rows, bytes of each: three tiles
const AT = { vector: 1024, out: 2048, list: 4096, c: 8192, y: 8704, x: 9216, map: 9728 };

/** The same memory for both: rows and vector of random whole numbers, a list of pairs, floats. */
function filled(buffer) {
  const next = random(5, 0);
  const whole = (most) => Math.floor((2 * next() - 1) * most);
  new Int8Array(buffer, 0, ROWS * LENGTH).forEach((_, i, all) => (all[i] = whole(128)));
  new Int16Array(buffer, AT.vector, LENGTH).forEach((_, i, all) => (all[i] = whole(32767)));
  const list = new DataView(buffer, AT.list);
  [[0, 3], [5, 1], [6, 6]].forEach(([p, q], i) => {
    list.setUint32(12 * i, 32 * p, true);
    list.setUint32(12 * i + 4, 32 * q, true);
    list.setInt16(12 * i + 8, whole(32767), true);
    list.setInt16(12 * i + 10, whole(32767), true);
  });
  new Float32Array(buffer, AT.map, LENGTH).fill(0);
  new Float32Array(buffer, AT.x, LENGTH).forEach((_, i, all) => (all[i] = whole(255)));
}

function results(found) {
  filled(found.buffer);
  found.products(0, AT.vector, AT.out, ROWS, LENGTH);
  const words = [...new Int32Array(found.buffer, AT.out, 4 * ROWS)];
  const products = Array.from({ length: ROWS }, (_, k) => words.slice(4 * k, 4 * k + 4).reduce((a, b) => a + b));
  for (const [to, pairs] of [[AT.c, 3], [AT.y, 1]]) found.mix(0, AT.list, pairs, to, ROWS, LENGTH);
  const mixed = [AT.c, AT.y].map((at) => [...new Int32Array(found.buffer, at, LENGTH)]);
  const total = found.compare(AT.c, AT.y, AT.x, AT.map, 4 * LENGTH, 1e-5, 2e-5, 0.5);
  return { products, mixed, total, map: [...new Float32Array(found.buffer, AT.map, LENGTH)] };
}

const fast = kernels(16384);
const slow = (() => {
  const buffer = new ArrayBuffer(65536);
  return { ...plainKernels(buffer), buffer };
})();

test("WebAssembly is there, and its whole numbers are those of plain JavaScript", () => {
  assert.ok(fast.fast);
  const [a, b] = [results(fast), results(slow)];
  assert.deepEqual(a.products, b.products);
  assert.deepEqual(a.mixed, b.mixed);
  assert.ok(a.products.every((v) => v !== 0) && a.mixed.flat().some((v) => v !== 0));
  const near = (x, y) => Math.abs(x - y) <= 1e-4 * Math.max(1, Math.abs(y));
  assert.ok(near(a.total, b.total), `${a.total} ${b.total}`);
  a.map.forEach((value, i) => assert.ok(near(value, b.map[i]), `${i}: ${value} ${b.map[i]}`));
});

test("products, sums and comparisons are what they are called", () => {
  const { buffer } = slow;
  filled(buffer);
  const tiled = new Int8Array(buffer, 0, ROWS * LENGTH);
  const row = (k) => Array.from({ length: LENGTH }, (_, j) => tiled[32 * (Math.floor(j / 32) * ROWS + k) + (j % 32)]);
  const vector = new Int16Array(buffer, AT.vector, LENGTH);
  const { products, mixed, total, map } = results(slow);
  products.forEach((value, k) => assert.equal(value, row(k).reduce((sum, v, j) => sum + v * vector[j], 0)));
  const weights = new Int16Array(buffer, AT.list, 18);
  const whole = row(0).map((v, j) => v * weights[4] + row(3)[j] * weights[5]);
  assert.deepEqual(mixed[1], whole);
  const x = new Float32Array(buffer, AT.x, LENGTH);
  const [c, y] = [mixed[0].map((v) => v * 1e-5), mixed[1].map((v) => v * 2e-5)];
  const truth = c.reduce((sum, v, j) => sum + (v - x[j] / 2) ** 2 - (y[j] - x[j] / 2) ** 2, 0);
  assert.ok(Math.abs(total - truth) < 1e-6 * Math.abs(truth));
  map.forEach((value, j) => assert.ok(Math.abs(value - 0.5 * (c[j] - y[j]) ** 2) < 1e-4 * Math.max(1, value)));
});

test("rows of floats times a matrix, of one piece and of three", () => {
  const [pixel, row, columns] = [5, 20, 16]; // floats from row to row, of a and c
  const at = { a: 0, b: 1024, bias: 4096, c: 5120 };
  for (const [pieces, line, quads] of [[1, 0, 3], [3, 40, 2]]) {
    const found = [fast, slow].map(({ buffer, rows }) => {
      const floats = new Float32Array(buffer, 0, 2048);
      const next = random(7, 1);
      floats.forEach((_, i) => (floats[i] = 2 * next() - 1));
      const [a, b, bias, c] = [at.a, at.b, at.bias, at.c];
      rows(4 * a, 4 * pixel, 4 * line, pieces, quads, b, bias, c, columns / 8, 4 * row);
      return { c: floats.slice(at.c / 4, at.c / 4 + 3 * row + columns), floats };
    });
    const { floats } = found[1];
    for (let r = 0; r < 4; r++)
      for (let column = 0; column < columns; column++) {
        let sum = floats[at.bias / 4 + column];
        for (let k = 0; k < 4 * quads * pieces; k++) {
          const from = r * pixel + Math.floor(k / (4 * quads)) * line + (k % (4 * quads));
          const panel = 32 * quads * pieces * Math.floor(column / 8);
          sum += floats[at.a + from] * floats[at.b / 4 + panel + 8 * k + (column % 8)];
        }
        for (const { c } of found) assert.ok(Math.abs(c[r * row + column] - sum) < 1e-5, `${r} ${column}`);
      }
  }
});
