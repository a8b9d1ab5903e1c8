// The engine as it is shipped, and what the package says that it should say: tests/test_engine.py writes both.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.env.ENGINE_VALUES;
if (!folder) throw new Error("ENGINE_VALUES must name the folder that tests/test_engine.py writes: run that file");

export const load = (name) => import(pathToFileURL(join(folder, name)));
export const text = (name) => readFileSync(join(folder, name), "utf8");
export const values = JSON.parse(text("values.json"));
export const { makeEngine } = await load("engine.mjs");
export const engine = makeEngine(values.world);

/** Fails unless numbers are near: by the tolerance, times their size where that is more than one. */
export function near(found, expected, what, tolerance = 1e-6) {
  const list = (numbers) => (typeof numbers === "number" ? [numbers] : [...numbers]);
  const [a, b] = [list(found), list(expected)];
  assert.equal(a.length, b.length, `${what}: how many`);
  a.forEach((value, i) => {
    const same = value === b[i] || Math.abs(value - b[i]) <= tolerance * Math.max(1, Math.abs(b[i]));
    if (!same) assert.fail(`${what}: ${value} is not ${b[i]} at ${i}`);
  });
}

/** The sum of the products of two lists. */
export const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
