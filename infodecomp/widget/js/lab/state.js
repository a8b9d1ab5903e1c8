import { layoutOf, nounOf } from "../engine/things.js";

// The state of a lab is one text, which is also the link to it.
const KEYS = ["layout", "sky", "first", "second", "text", "word", "question", "kind", "seed", "logsnr"];
export const LAYOUT_NAMES = ["beside-near", "beside-far", "stacked-near", "stacked-far"];
export const QUESTIONS = {
  caption: "the caption, against nothing",
  MI: "the word alone, against nothing",
  CMI: "the caption, against itself without the word",
  against: "the caption, against the word’s alternatives",
  order: "the caption, against its words in any order",
};
export const WAYS = { CMI: "given the rest", MI: "alone", against: "against its alternatives" }; // to ask for a word

/** What a question asks for, in few words. */
export function questionTitle(question, word) {
  if (question in WAYS) return word ? `“${word}” ${WAYS[question]}` : "No word";
  return { caption: "The whole caption", order: "The order of the words" }[question];
}

function thingName({ things }, thing) {
  const [noun, state, colour] = things[thing];
  return `${state} ${colour} ${noun}`;
}

/** {scene, text, word, question, kind, seed, logsnr} of a text, or null if it is no state. */
export function parseState(engine, world, text) {
  const fields = new URLSearchParams(text);
  if (!KEYS.every((key) => fields.has(key))) return null;
  const whole = ["word", "seed"].every((key) => /^\d+$/.test(fields.get(key)));
  if (!whole || !/\d/.test(fields.get("logsnr"))) return null;
  const state = {
    scene: parseScene(world, fields),
    text: fields.get("text"),
    word: Number(fields.get("word")),
    question: fields.get("question"),
    kind: fields.get("kind"),
    seed: Number(fields.get("seed")),
    logsnr: Number(fields.get("logsnr")),
  };
  return isValid(engine, state) ? state : null;
}

/** A scene; what cannot be read is negative. */
function parseScene(world, fields) {
  const layout = LAYOUT_NAMES.indexOf(fields.get("layout"));
  const numbered = (name) => world.things.findIndex((_, thing) => thingName(world, thing) === name);
  return {
    axis: Math.floor(layout / 2),
    far: layout % 2,
    night: world.vocabulary.time.indexOf(fields.get("sky")),
    first: numbered(fields.get("first")),
    second: numbered(fields.get("second")),
  };
}

function isValid(engine, { scene, text, word, question, kind, seed, logsnr }) {
  return (
    Object.values(scene).every((part) => part >= 0) &&
    nounOf(scene.first) !== nounOf(scene.second) &&
    engine.possible(text) &&
    Object.hasOwn(QUESTIONS, question) &&
    ["orthogonal", "standard"].includes(kind) &&
    seed < 2 ** 32 &&
    logsnr >= -16 &&
    logsnr <= 8 &&
    word < Math.max(1, engine.units(text).length)
  );
}

export function formatState(world, { scene, text, word, question, kind, seed, logsnr }) {
  return new URLSearchParams({
    layout: LAYOUT_NAMES[layoutOf(scene)],
    sky: world.vocabulary.time[scene.night],
    first: thingName(world, scene.first),
    second: thingName(world, scene.second),
    text, word, question, kind, seed, logsnr,
  }).toString();
}

/** The engine's name of the question that a state asks. */
export function questionName({ question, word }) {
  return ["caption", "order"].includes(question) ? question : `${question} ${word}`;
}
