import { makeEngine } from "./engine.js";

// In a worker: estimates sweep by sweep, what a noisy picture makes two conditions believe, and flows.
const SLICE = 20; // milliseconds of work between two looks for messages

const working = { engine: null, jobs: {}, running: false }; // jobs by kind; a new one ends the old
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
    if (working.jobs.estimate) post(Object.assign(working.jobs.estimate, { paused }));
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
  if (["estimate", "play"].includes(what)) working.jobs[what] = job;
  answers[what](message, job);
  if (!working.running) run();
};
