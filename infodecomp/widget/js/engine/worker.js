import { bothGuesses, pairOfDraws } from "../network/draws.js";
import { loadNetwork } from "../network/memory.js";
import { makeEngine } from "./engine.js";

// In a worker: estimates sweep by sweep, what a noisy picture makes two conditions believe, flows, and the network.
const SLICE = 20; // milliseconds of work between two looks for messages

const working = { engine: null, network: null, jobs: {}, running: false }; // jobs by kind; a new one ends the old
const chosen = { name: "caption", kind: "orthogonal" };

function post({ estimator, id, rate, paused }) {
  const { names, exact, density, conditions } = estimator;
  postMessage({
    what: "estimate",
    ...{ id, paused, rate, names, exact, density, conditions },
    samples: estimator.samples(),
    orthogonal: estimator.totals("orthogonal"),
    standard: estimator.totals("standard"),
    shown: { ...chosen },
    view: estimator.view(chosen.name, chosen.kind),
  });
}

const answers = {
  world({ data }) {
    working.engine = makeEngine(data);
  },
  estimate({ scene, text, seed, most }, job) {
    job.estimator = working.engine.estimator(scene, text, seed);
    job.spent = 0;
    job.step = () => stepEstimate(job, most);
    post(job);
  },
  view({ name, kind }) {
    Object.assign(chosen, { name, kind });
    if (working.jobs.estimate) post(working.jobs.estimate);
  },
  pause({ paused }) {
    const { estimate, draws } = working.jobs;
    if (estimate) post(Object.assign(estimate, { paused }));
    if (draws) Object.assign(draws, { paused });
  },
  network({ data }) {
    working.network = loadNetwork(data);
  },
  draws(question, job) {
    Object.assign(job, { spent: 0, evaluations: 0, pair: question.first });
    if (question.first < question.most) job.step = () => stepDraws(job, question);
  },
  guesses(question) {
    postMessage({ what: "guesses", id: question.id, ...bothGuesses(working.engine.world, working.network, question) });
  },
  look({ scene, text, name, logsnr, seed, id }) {
    postMessage({ what: "look", id, ...working.engine.look(scene, text, name, logsnr, seed) });
  },
  play({ scene, text, name, seed, steps, id }, job) {
    const { engine } = working;
    const { names, pairs, rows } = engine.questions(scene, text);
    if (!names.includes(name)) return postMessage({ what: "play", id, steps: 0, step: 0, pictures: [] });
    const noise = engine.gaussian(seed, 3);
    const flows = pairs[names.indexOf(name)].map((c) => engine.flow(noise, rows[c], steps));
    job.step = () => stepFlows(engine, flows, steps, id);
  },
};

/** One draw; posts after whole sweeps; whether there is more to do. */
function stepEstimate(job, most) {
  const { estimator } = job;
  const before = performance.now();
  const whole = estimator.step();
  job.spent += performance.now() - before;
  if (!whole) return true;
  job.rate = (1000 * estimator.samples() * estimator.conditions) / job.spent;
  post(job);
  return estimator.samples() < most;
}

/** One step of both flows; whether there is more to do. */
function stepFlows(engine, flows, steps, id) {
  const now = flows.map((flow) => flow.next());
  if (now[0].done) return false;
  const pictures = now.map(({ value: { y, sigma } }) => engine.rgba(y.map((v) => v / Math.sqrt(1 + sigma ** 2))));
  postMessage({ what: "play", id, step: now[0].value.step, steps, pictures });
  return true;
}

/** One evaluation of the network; posts after each pair of draws; whether there is more to do. */
function stepDraws(job, question) {
  const { engine, network } = working;
  const before = performance.now();
  job.drawing ??= pairOfDraws(engine.world, network, question, job.pair);
  const { done, value } = job.drawing.next();
  job.spent += performance.now() - before;
  if (!done) return Boolean((job.evaluations += 1));
  const rate = (1000 * job.evaluations) / job.spent;
  postMessage({ what: "draws", id: question.id, first: question.first, pair: job.pair, ...value, rate });
  job.pair += question.workers;
  delete job.drawing;
  return job.pair < question.most;
}

function run() {
  let waiting = false;
  const until = performance.now() + SLICE;
  for (const job of Object.values(working.jobs)) {
    while (job.step && !job.paused && performance.now() < until) if (!job.step()) delete job.step;
    waiting ||= job.step && !job.paused;
  }
  working.running = waiting;
  if (waiting) setTimeout(run);
}

onmessage = ({ data: message }) => {
  const { what } = message;
  const job = { id: message.id };
  if (["estimate", "play", "draws"].includes(what)) working.jobs[what] = job;
  answers[what](message, job);
  if (!working.running) run();
};
