const WORKERS = 4; // workers
const PARTS = 64; // pictures up to which one worker is enough
const PRECISE = 1e-3; // standard error, of the nats or of one nat, at which a run ends
const LONGEST = 60000; // milliseconds of work of each worker

/** Workers that measure the same on noises of their own, and what they say together. */
export class Team {
  /** source: the workers' script. receive: what to do with {pixels, nats, stderr, sum, draws, rate, done}. */
  constructor(source, receive, fail) {
    Object.assign(this, { receive, fail, id: 0, members: [], parts: [] });
    this.address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  }

  /** levels: bytes of the context's pictures, the seen one first; fits: which of them the caption fits. */
  measure({ levels, fits, seed, slowly }) {
    const wanted = fits.length > PARTS ? Math.min(WORKERS, navigator.hardwareConcurrency || 1) : 1;
    while (this.members.length < wanted) this.members.push(this.start());
    this.id += 1;
    this.parts = [];
    this.members.forEach((worker, stream) => {
      if (stream < wanted) worker.postMessage({ what: "measure", id: this.id, levels, fits, seed, stream, slowly });
      else worker.postMessage({ what: "end" });
    });
  }

  start() {
    const stream = this.members.length;
    const worker = new Worker(this.address);
    worker.onmessage = ({ data }) => data.id === this.id && this.merge(stream, data);
    worker.onerror = (event) => this.fail(event.message ?? "the worker has ended");
    return worker;
  }

  merge(stream, part) {
    this.parts[stream] = part;
    const parts = this.parts.filter(Boolean);
    const total = (name) => parts.reduce((sum, { [name]: value }) => sum + value, 0);
    const noises = total("noises");
    const nats = total("sum") / noises;
    const variance = Math.max(0, total("squares") / noises - nats ** 2);
    const stderr = Math.sqrt(variance / Math.max(1, noises - 1));
    const pixels = new Float64Array(part.map.length / 3);
    for (const { map } of parts) map.forEach((value, i) => (pixels[Math.floor(i / 3)] += value / noises));
    const sum = pixels.reduce((a, b) => a + b);
    const rate = parts.reduce((sum, { draws, busy }) => sum + (1000 * draws) / busy, 0);
    const precise = noises > 400 && stderr < PRECISE * Math.max(1, Math.abs(nats));
    const done = precise || Math.max(...parts.map(({ busy }) => busy)) > LONGEST;
    if (done) this.end();
    this.receive({ pixels, nats, stderr, sum, draws: total("draws"), rate, done });
  }

  pause(paused) {
    this.tell({ what: "pause", paused });
  }

  /** No more work; answers that are still on their way are dropped. */
  end() {
    this.id += 1;
    this.tell({ what: "end" });
  }

  tell(message) {
    for (const worker of this.members) worker.postMessage(message);
  }

  close() {
    for (const worker of this.members) worker.terminate();
    URL.revokeObjectURL(this.address);
  }
}
