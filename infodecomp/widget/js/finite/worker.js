import { AT_ONCE, Estimate } from "./estimate.js";

// In a worker: noise after noise, and now and then what they say so far.
const SLICE = 60; // milliseconds of work between two looks for messages
const GROWTH = 1.3; // of the number of noises, from report to report, where the reader is to see the map come
const BREATH = 70; // milliseconds between two such reports

const working = { job: null, paused: false };

function slice(job) {
  const from = performance.now();
  const goal = job.slowly ? job.estimate.noises + Math.ceil(GROWTH ** job.reports) : Infinity;
  do job.estimate.step();
  while (job.estimate.noises < goal && performance.now() - from < SLICE);
  job.busy += performance.now() - from;
  job.reports += 1;
  const { map, ...sums } = job.estimate.report();
  postMessage({ id: job.id, ...sums, map, draws: sums.noises * AT_ONCE, busy: job.busy }, [map.buffer]);
  return performance.now() - from;
}

function run(job) {
  if (job !== working.job || working.paused) return;
  const took = slice(job);
  setTimeout(() => run(job), job.slowly && took < SLICE - 10 ? BREATH : 0);
}

const answers = {
  measure({ id, slowly, ...asked }) {
    const job = { id, slowly, reports: 0, busy: 0, estimate: null };
    Object.assign(working, { job, paused: false });
    setTimeout(() => {
      if (job !== working.job) return;
      job.estimate = new Estimate(asked);
      run(job);
    });
  },
  pause({ paused }) {
    if (paused === working.paused) return;
    working.paused = paused;
    if (!paused && working.job?.estimate) run(working.job);
  },
  end() {
    working.job = null;
  },
};

onmessage = ({ data }) => answers[data.what](data);
