/** Two workers with the engine: one estimates, one answers the reader's finger. */
export class Workers {
  /** source: their script. receive: what to do with an answer, by what was asked. fail: with an error's message. */
  constructor(source, world, receive, fail) {
    this.newest = { estimate: 0, look: 0, play: 0 }; // number of the last question of each kind
    this.address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const start = () => {
      const worker = new Worker(this.address);
      worker.postMessage({ what: "world", data: world });
      worker.onerror = ({ message }) => fail(message);
      worker.onmessage = ({ data }) => data.id === this.newest[data.what] && receive[data.what](data);
      return worker;
    };
    this.sampler = start();
    this.viewer = start();
  }

  /** Asks a worker; answers to what was asked before are dropped. */
  ask(worker, what, question) {
    worker.postMessage({ ...question, what, id: (this.newest[what] += 1) });
  }

  end() {
    this.sampler.terminate();
    this.viewer.terminate();
    URL.revokeObjectURL(this.address);
  }
}
