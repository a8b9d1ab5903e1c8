import { possible, replaced, slotsOf, split, units } from "./grammar.js";
import { slotOf } from "./things.js";

/** The texts with another word of its kind in a place, itself included: those that the grammar can make. */
export function alternatives(world, text, place) {
  const { relations, vocabulary, grammar } = world;
  const word = place[2];
  const others = word in relations ? Object.keys(relations) : vocabulary[grammar.classes[word]];
  return others.map((other) => replaced(text, place, other)).filter((t) => possible(world, t));
}

/** [{word, text}]: what else could stand in a place; another noun brings its own state along. */
export function wordings(world, text, place) {
  const { relations, vocabulary, grammar, states } = world;
  const [start, , word] = place;
  const relationOf = (t) => units(world, t).find((unit) => unit[2] in relations)[2];
  if (word in relations) return alternatives(world, text, place).map((t) => ({ word: relationOf(t), text: t }));
  const words = split(text);
  const stateAt = start - (grammar.classes[words[start - 1]] === "colour" ? 2 : 1);
  const wording = (other) => {
    const changed = [...words.slice(0, start), other, ...words.slice(start + 1)];
    const state = states[word]?.indexOf(words[stateAt]) ?? -1;
    if (state >= 0) changed[stateAt] = states[other][state];
    return { word: other, text: changed.join(" ") };
  };
  return vocabulary[grammar.classes[word]].map(wording).filter((found) => possible(world, found.text));
}

/** All texts of the grammar with the same words in any order. */
export function orders(world, text) {
  const { classes, patterns } = world.grammar;
  const words = split(text);
  const sorted = (names) => [...names].sort().join(" ");
  const wanted = sorted(words.map((w) => classes[w]));
  const found = new Set();
  const fill = (names, left, done) => {
    if (done.length === names.length) return found.add(done.join(" "));
    for (const word of new Set(left.filter((w) => classes[w] === names[done.length]))) {
      const at = left.indexOf(word);
      fill(names, left.filter((_, i) => i !== at), [...done, word]);
    }
  };
  for (const key of patterns.keys()) if (sorted(split(key)) === wanted) fill(split(key), words, []);
  return [...found].filter((t) => possible(world, t));
}

/** Every caption of a scene: the shortest first, both orders, fitting adverbs before others. */
export function captions(world, scene) {
  const found = [];
  for (const [axis, letters] of world.structures) {
    if (axis !== scene.axis) continue;
    const slots = slotsOf(world, letters);
    for (const fits of slots.some(([name]) => name === "adverb") ? [true, false] : [true])
      for (const order of [0, 1]) {
        const text = slots.map((slot) => wordIn(world, scene, slot, order, fits)).join(" ");
        found.push({ length: slots.length, unfit: !fits, text });
      }
  }
  return found.sort((a, b) => a.length - b.length || a.unfit - b.unfit).map(({ text }) => text);
}

/** The word that a caption of a scene has in a slot. */
function wordIn({ relations, vocabulary, things }, scene, [name, k], order, fits) {
  if (k !== null) {
    const thing = things[[scene.first, scene.second][slotOf(k, order)]];
    return thing[["noun", "state", "colour"].indexOf(name)];
  }
  if (name === "side" || name === "vertical") {
    const fitting = ([, [axis, named]]) => axis === scene.axis && named === order;
    return Object.entries(relations).find(fitting)[0].split(" ")[0];
  }
  if (name === "adverb") return vocabulary.adverb[fits ? scene.far : 1 - scene.far];
  if (name === "time" || name === "light") return vocabulary[name][scene.night];
  return name; // "the", "of" and other words that always stand there
}
