import assert from "node:assert/strict";
import { test } from "node:test";
import { load, values } from "./values.js";

const { World, keysOf, distance, caseOf, parseState, formatState } = await load("page.mjs");
const worlds = Object.fromEntries(
  Object.entries(values.names).map(([language, names]) => [language, new World(values.pictures, names, language)]),
);

test("the words of every name in every language are the package’s", () => {
  assert.equal(Object.keys(values.words).length, 14);
  for (const [language, words] of Object.entries(values.words))
    for (const [name, keys] of Object.entries(words.names))
      assert.deepEqual(words.keys[name] ?? keysOf(name), keys, `${language}: ${name}`);
});

test("captions fit as many pictures as the package counts", () => {
  assert.ok(values.counts.length > 200);
  for (const { language, caption, count } of values.counts)
    assert.equal(worlds[language].fitting(worlds[language].wordsOf(caption).map(([key]) => key)).length, count, caption);
});

test("what no emoji has is refused with the nearest, what fits none with its largest part", () => {
  const { en } = worlds;
  assert.match(en.refusal(["sunglases"]), /“sunglases”, the nearest is “sunglasses”/);
  assert.match(en.refusal(["broked"]), /nearest is “broken”/);
  assert.match(en.refusal(["smiling", "face", "volcano"]), /largest part that fits is “smiling face”/);
  assert.equal(en.refusal(["sunglasses", "smiling"]), "");
  assert.deepEqual([distance("cat", "cat"), distance("cat", "bat"), distance("", "abc"), distance("ab", "ba")], [0, 1, 3, 2]);
});

test("emoji are found by the beginnings of their words, or by themselves", () => {
  const { en } = worlds;
  const names = (text) => en.search(text).map((k) => en.names[k][0]);
  assert.deepEqual(names("smil sungl"), ["smiling face with sunglasses"]);
  assert.deepEqual(names("💔"), ["broken heart"]);
  assert.deepEqual(names("qqq"), []);
});

test("a case has the words’ nats, what fits, and −∞ for what does not fit the picture", () => {
  const { en } = worlds;
  const state = { name: "smiling face with sunglasses", alone: false, caption: "", language: "en", seed: 0 };
  const found = caseOf(en, { ...state, word: "sunglasses" });
  const nats = Object.fromEntries(found.words.map(({ key, nats }) => [key, nats]));
  assert.deepEqual({ ...nats, sunglasses: 0 }, { smiling: 0, face: 0, with: 0, sunglasses: 0 });
  assert.ok(Math.abs(nats.sunglasses - Math.log(11)) < 1e-12);
  assert.equal(found.faces.filter(({ fits }) => fits).length, 1);
  assert.equal(found.faces[0].k, en.find("😎"));
  const wrong = caseOf(en, { ...state, caption: "face tears", word: "tears" });
  assert.deepEqual(wrong.words.map(({ nats }) => nats), [undefined, -Infinity]);
});

test("links are those that Python writes and refuses", () => {
  const languages = Object.keys(values.words);
  for (const { link, state } of values.links) {
    assert.deepEqual(parseState(link, languages), state, link);
    assert.equal(formatState(parseState(link, languages)), link);
  }
  assert.ok(values.links.length > 20 && values.wrongLinks.length > 8);
  for (const link of values.wrongLinks) assert.equal(parseState(link, languages), null, link);
});
