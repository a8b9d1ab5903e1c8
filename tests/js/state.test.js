import assert from "node:assert/strict";
import { test } from "node:test";
import { engine, load, values } from "./values.js";

const { formatState, parseState, questionName, questionTitle, QUESTIONS } = await load("state.mjs");
const parse = (text) => parseState(engine, values.world, text);

test("links that Python writes are read, and written the same", () => {
  for (const { link, scene, ...state } of values.links) {
    assert.deepEqual(parse(link), { scene, ...state }, link);
    assert.equal(formatState(values.world, parse(link)), link);
  }
});

test("links that Python refuses are refused", () => {
  assert.ok(values.wrongLinks.length > 10);
  for (const link of values.wrongLinks) assert.equal(parse(link), null, link);
});

test("a question about a word names the word's place", () => {
  assert.equal(questionName({ question: "CMI", word: 3 }), "CMI 3");
  assert.equal(questionName({ question: "order", word: 3 }), "order");
});

test("each question has a title; those about a word name it", () => {
  for (const question of Object.keys(QUESTIONS)) {
    const about = ["MI", "CMI", "against"].includes(question);
    assert.equal(questionTitle(question, "red").includes("“red”"), about);
    assert.ok(questionTitle(question, undefined).length > 0);
    assert.ok(!questionTitle(question, undefined).includes("undefined"));
  }
});
