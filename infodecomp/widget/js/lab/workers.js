/** Workers with the engine: one estimates, one answers the reader's finger, and some, once wanted, run the network. */
export class Workers {
  /** source: their script. receive: what to do with an answer, by what was asked. fail: with an error's message. */
  constructor(source, world, receive, fail) {
    Object.assign(this, { world, receive, fail });
    this.newest = Object.fromEntries(Object.keys(receive).map((what) => [what, 0])); // number of the last question
    this.address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    this.started = [];
    this.sampler = this.start();
    this.viewer = this.start();
  }

  start() {
    const worker = new Worker(this.address);
    worker.postMessage({ what: "world", data: this.world });
    worker.onerror = ({ message }) => this.fail(message);
    worker.onmessage = ({ data }) => data.id === this.newest[data.what] && this.receive[data.what](data);
    this.started.push(worker);
    return worker;
  }

  /** Asks a worker; answers to what was asked before are dropped. */
  ask(worker, what, question) {
    this.askAll([worker], what, () => question);
  }

  /** Asks several workers one question, of which each has its part. */
  askAll(workers, what, partOf) {
    const id = (this.newest[what] += 1);
    workers.forEach((worker, k) => worker.postMessage({ ...partOf(k), what, id }));
  }

  end() {
    this.ended = true;
    for (const worker of this.started) worker.terminate();
    URL.revokeObjectURL(this.address);
  }
}
