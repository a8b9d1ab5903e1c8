import { see } from "./denoiser.js";
import { readings, replaced, units } from "./grammar.js";
import { picture } from "./pictures.js";
import { logEvidence, logProb, logText } from "./posterior.js";
import { LAYOUTS } from "./things.js";
import { alternatives, orders } from "./variants.js";

/**
 * The questions of a text: names, pairs [y, given] of conditions by number, rows (readings) of the conditions, and the
 * exact nats of each: by counting scenes, and of the density with its jitter, which is finite for texts that do not
 * fit.
 */
export function questions(world, scene, text) {
  const key = JSON.stringify([scene, text]);
  if (world.lastAsked.key !== key) Object.assign(world.lastAsked, { key, found: ask(world, scene, text) });
  return world.lastAsked.found;
}

function ask(world, scene, text) {
  const conditions = new Conditions(world);
  const asked = listQuestions(world, text, conditions).filter(({ y, given }) => y !== null && given !== null);
  const { rows } = conditions;
  const { scores } = see(world, picture(world, scene), Infinity);
  const counted = rows.map((r) => logProb(world, scene, r));
  const densities = rows.map((r) => logEvidence(world, scores, r) - logText(world, r));
  const differences = (values) => asked.map(({ y, given }) => values[y] - values[given]);
  return {
    names: asked.map(({ name }) => name),
    pairs: asked.map(({ y, given }) => [y, given]),
    rows,
    exact: differences(counted),
    density: differences(densities),
  };
}

/** Every question that a text could be asked: [{name, y, given}], a condition null where no text has it. */
function listQuestions(world, text, conditions) {
  const whole = conditions.number([text]);
  const found = [
    { name: "caption", y: whole, given: 0 },
    { name: "order", y: whole, given: conditions.number(orders(world, text)) },
  ];
  for (const [i, unit] of units(world, text).entries()) {
    const [alone, rest] = [conditions.number([unit[2]]), conditions.number([replaced(text, unit, "")])];
    const others = conditions.number(alternatives(world, text, unit), true);
    found.push({ name: `MI ${i}`, y: alone, given: 0 });
    found.push({ name: `CMI ${i}`, y: whole, given: rest });
    found.push({ name: `against ${i}`, y: whole, given: others });
  }
  return found;
}

/** Conditions, equal ones once; number 0 is the empty text. */
class Conditions {
  constructor(world) {
    this.world = world;
    this.rows = [readings(world, "")];
    this.known = new Map([["", 0]]);
  }

  /**
   * The number of a mixture of texts, null if one of them is impossible. Texts weigh as often as the grammar says them,
   * or, if scaled, as whole captions do: without what they gain where no word can be left out.
   */
  number(texts, scaled = false) {
    const key = texts.join(scaled ? "|" : ",");
    if (!this.known.has(key)) this.known.set(key, this.made(texts, scaled));
    return this.known.get(key);
  }

  made(texts, scaled) {
    const all = texts.map((text) => readings(this.world, text));
    if (!all.length || all.some((rows) => !rows.length)) return null;
    const gain = (rows) => (scaled ? peak(rows) : 1);
    const divided = (rows) => rows.map((row) => row.map((factor, i) => (i < LAYOUTS ? factor / gain(rows) : factor)));
    this.rows.push(all.flatMap(divided));
    return this.rows.length - 1;
  }
}

/** What a text gains where no word can be left out. */
const peak = (rows) => Math.max(...rows.map((row) => Math.max(...row.subarray(0, LAYOUTS))));

/**
 * The texts that a word is measured by: the caption, the caption without it, and with each of its alternatives; and the
 * log-prior of the caption and of these. Null where the grammar never makes one of them.
 */
export function rivals(world, text, unit) {
  const others = alternatives(world, text, unit).filter((other) => other !== text);
  const texts = [text, replaced(text, unit, ""), ...others];
  const rows = texts.map((each) => readings(world, each));
  if (!rows.every((each) => each.length)) return null;
  const weights = [rows[0], ...rows.slice(2)].map((each) => Math.exp(logText(world, each)) / peak(each));
  const sum = weights.reduce((a, b) => a + b);
  return { texts, logPrior: weights.map((weight) => Math.log(weight / sum)) };
}
