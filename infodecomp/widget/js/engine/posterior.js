import { KINDS, LAYOUTS, NOUNS, PLACES, THINGS, layoutOf, nounOf, placeOf, skyAt, thingsAt } from "./things.js";

// Exact sums over all scenes. Scores are log-likelihood ratios: things (PLACES · THINGS) of an object at a place, dark
// of the night. A reading says with which factors a text allows each layout, sky and object.

const JOINT = 2 * NOUNS * NOUNS; // night, first noun, second noun
const logs = new WeakMap(); // of readings

/** A picture that says nothing. */
export const noScores = { things: new Float64Array(PLACES * THINGS), dark: 0 };

/** log Σ over scenes of p(scene) p(text | scene) exp(scores). */
export const logEvidence = (world, scores, rows) => evidence(world, scores, rows).total;

/** log p(text): of readings, −∞ of none. */
export const logText = (world, rows) => (rows.length ? logEvidence(world, noScores, rows) : -Infinity);

function evidence({ logPrior }, scores, rows) {
  if (!logs.has(rows)) logs.set(rows, rows.map((row) => row.map(Math.log)));
  const parts = []; // of each reading and layout
  for (const row of logs.get(rows))
    for (let layout = 0; layout < LAYOUTS; layout++) {
      if (row[layout] === -Infinity) continue;
      const nouns = nounEvidence(scores, row, layout);
      parts.push({ row, layout, nouns, joint: jointEvidence(logPrior, scores, row, layout, nouns) });
    }
  let most = -Infinity;
  for (const { joint } of parts) for (let i = 0; i < JOINT; i++) if (joint[i] > most) most = joint[i];
  let sum = 0;
  for (const { joint } of parts) for (let i = 0; i < JOINT; i++) sum += joint[i] = Math.exp(joint[i] - most);
  return { parts, sum, total: most + Math.log(sum) };
}

/** Log-evidence of each noun in the first and in the second slot (2 · NOUNS): the mean over its kinds. */
function nounEvidence(scores, row, layout) {
  const nouns = new Float64Array(2 * NOUNS);
  for (let slot = 0; slot < 2; slot++)
    for (let noun = 0; noun < NOUNS; noun++) {
      const from = placeOf(layout, slot) * THINGS + KINDS * noun;
      const allowed = thingsAt(slot) + KINDS * noun;
      const score = (kind) => scores.things[from + kind] + row[allowed + kind];
      let high = -Infinity;
      for (let kind = 0; kind < KINDS; kind++) high = Math.max(high, score(kind));
      let sum = 0;
      if (high > -Infinity) for (let kind = 0; kind < KINDS; kind++) sum += Math.exp(score(kind) - high);
      nouns[NOUNS * slot + noun] = high + Math.log(sum / KINDS);
    }
  return nouns;
}

/** Log-evidence of night, first noun and second noun together (JOINT). */
function jointEvidence(logPrior, scores, row, layout, nouns) {
  const joint = new Float64Array(JOINT);
  let i = 0;
  for (let night = 0; night < 2; night++) {
    const own = row[layout] + row[skyAt(night)] + night * scores.dark - Math.log(LAYOUTS); // layouts are equally likely
    for (let first = 0; first < NOUNS; first++)
      for (let second = 0; second < NOUNS; second++)
        joint[i++] = own + nouns[first] + nouns[NOUNS + second] + logPrior[night][first][second];
  }
  return joint;
}

/** What stands where: weights (PLACES · THINGS), P(object at place), and P(night). */
export function beliefs(world, scores, rows) {
  const { parts, sum } = evidence(world, scores, rows);
  const weights = new Float64Array(PLACES * THINGS);
  let night = 0;
  for (const part of parts) {
    const shares = new Float64Array(2 * NOUNS); // P(noun in slot) in this reading and layout
    for (let i = 0; i < JOINT; i++) {
      const p = part.joint[i] / sum;
      shares[Math.floor(i / NOUNS) % NOUNS] += p;
      shares[NOUNS + (i % NOUNS)] += p;
      if (i >= JOINT / 2) night += p;
    }
    addShares(weights, scores, part, shares);
  }
  return { weights, night };
}

/** Divides the share of each noun among its kinds. */
function addShares(weights, scores, { row, layout, nouns }, shares) {
  for (let slot = 0; slot < 2; slot++)
    for (let noun = 0; noun < NOUNS; noun++) {
      const share = shares[NOUNS * slot + noun];
      if (!(share > 0)) continue;
      const from = placeOf(layout, slot) * THINGS + KINDS * noun;
      const allowed = thingsAt(slot) + KINDS * noun;
      const whole = nouns[NOUNS * slot + noun];
      for (let kind = 0; kind < KINDS; kind++)
        weights[from + kind] += (share * Math.exp(scores.things[from + kind] + row[allowed + kind] - whole)) / KINDS;
    }
}

/** log p(scene | text): by counting, −∞ for a text that does not fit. */
export function logProb(world, scene, rows) {
  const { night, first, second } = scene;
  const things = (row) => row[thingsAt(0) + first] * row[thingsAt(1) + second];
  const factor = (row) => row[layoutOf(scene)] * row[skyAt(night)] * things(row);
  const prior = world.logPrior[night][nounOf(first)][nounOf(second)] - Math.log(LAYOUTS * KINDS * KINDS);
  return Math.log(rows.reduce((sum, row) => sum + factor(row), 0)) + prior - logText(world, rows);
}
