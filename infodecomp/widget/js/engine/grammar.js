import { logEvidence, noScores } from "./posterior.js";
import { LAYOUTS, ROW, THINGS, layoutOf, skyAt, slotOf, thingsAt } from "./things.js";

/** What texts are read with: the class of each word, and the sentence patterns by the classes of their words. */
export function prepareGrammar(data) {
  const classed = Object.entries(data.vocabulary).flatMap(([name, words]) => words.map((word) => [word, name]));
  const patterns = new Map(); // classes of the words: [{axis, slots, probability}]
  for (const [axis, letters, probability] of data.patterns) {
    const slots = slotsOf(data, letters);
    const key = slots.map(([name]) => name).join(" ");
    patterns.set(key, [...(patterns.get(key) ?? []), { axis, slots, probability }]);
  }
  return { classes: Object.fromEntries(classed), patterns, remembered: new Map() };
}

/** The slots [class of the word, which object it is about] that letters stand for. */
export const slotsOf = (data, letters) => [...letters].map((c) => data.slots[c.charCodeAt(0) - 97]);

export const split = (text) => text.split(" ").filter(Boolean);

/** p(text | scene) as rows of factors, alike ones added up: an array of Float64Array(ROW), empty if nothing fits. */
export function readings(world, text) {
  const { remembered } = world.grammar;
  if (!remembered.has(text)) {
    const rows = rowsOf(world, split(text));
    const fits = rows.length > 0 && Number.isFinite(logEvidence(world, noScores, rows));
    remembered.set(text, fits ? rows : []);
  }
  return remembered.get(text);
}

/** Whether the grammar can make a text. */
export const possible = (world, text) => readings(world, text).length > 0;

function rowsOf(world, words) {
  const { classes, patterns } = world.grammar;
  const found = new Map();
  for (const pattern of patterns.get(words.map((w) => classes[w] ?? "?").join(" ")) ?? []) {
    const relation = relationIn(world, words, pattern.slots);
    for (const order of relation ? [world.relations[relation][1]] : [0, 1]) {
      const row = factors(world, words, pattern, order);
      const key = row.join();
      const known = found.get(key) ?? { row, weight: 0 };
      known.weight += pattern.probability / 2;
      found.set(key, known);
    }
  }
  return [...found.values()].map(({ row, weight }) => row.map((factor, i) => (i < LAYOUTS ? factor * weight : factor)));
}

/** The relation that the words say, "left" standing for "left of"; undefined if they say none. */
function relationIn(world, words, slots) {
  const word = words.find((_, i) => ["side", "vertical"].includes(slots[i][0]));
  return word in world.relations || !word ? word : `${word} of`;
}

/** What words in a pattern allow, as a row of factors; order says which object is named first. */
function factors({ vocabulary, apt, things }, words, { axis, slots }, order) {
  const row = new Float64Array(ROW).fill(1);
  const forbid = (from, to) => row.fill(0, from, to);
  if (axis !== null) forbid(layoutOf({ axis: 1 - axis, far: 0 }), layoutOf({ axis: 1 - axis, far: 1 }) + 1);
  slots.forEach(([name, k], i) => {
    const word = words[i];
    if (name === "adverb") {
      for (let layout = 0; layout < LAYOUTS; layout++) {
        const fits = vocabulary.adverb[layout % 2] === word;
        row[layout] *= fits ? apt : 1 - apt;
      }
    } else if (name === "time" || name === "light") {
      const night = vocabulary[name].indexOf(word);
      row[skyAt(1 - night)] = 0;
    } else if (k === 0 || k === 1) {
      const from = thingsAt(slotOf(k, order));
      for (let thing = 0; thing < THINGS; thing++) if (!things[thing].includes(word)) row[from + thing] = 0;
    }
  });
  return row;
}

/** [[first, last + 1, text]] of a text's words, "left of" and "right of" counting as one. */
export function units({ phrases }, text) {
  const words = split(text);
  const found = [];
  for (let start = 0; start < words.length; ) {
    const length = phrases.includes(words.slice(start, start + 2).join(" ")) ? 2 : 1;
    found.push([start, start + length, words.slice(start, start + length).join(" ")]);
    start += length;
  }
  return found;
}

/** A text with another one in the place of its words from start to stop. */
export function replaced(text, [start, stop], other) {
  const words = split(text);
  return [...words.slice(0, start), ...split(other), ...words.slice(stop)].join(" ");
}
