import { bytes } from "../common/numbers.js";

/** What a lab fetches when it is first asked for: from the kernel, or on a page from files beside it. */
export class Packs {
  /** without: what is said of a page where a file is missing. */
  constructor(model, page, without) {
    Object.assign(this, { model, page, without, asked: {}, waiting: {} });
    if (!page) model.on("msg:custom", (message) => this.receive(message));
  }

  /** A pack by name. The promise is refused with one line that says what is missing. */
  get(name) {
    this.asked[name] ??= (this.page ? fromScript(name, this.without) : this.fromKernel(name)).catch((error) => {
      delete this.asked[name]; // another try is allowed
      throw error;
    });
    return this.asked[name];
  }

  fromKernel(name) {
    return new Promise((resolve, reject) => {
      this.waiting[name] = resolve;
      this.model.send({ pack: name });
      const late = () => reject(new Error(`The kernel does not send ${name}: is it running?`));
      setTimeout(late, 120000);
    });
  }

  receive({ pack, content }) {
    this.waiting[pack]?.(JSON.parse(content));
  }
}

/** A script tag: it works from a file as well as from a server. */
function fromScript(name, without) {
  const root = document.documentElement.dataset.content_root; // of a site made by Sphinx
  const address = `${root === undefined ? "" : `${root}_static/`}${name}.js`;
  return new Promise((resolve, reject) => {
    const fail = () => reject(new Error(`The file ${address} is missing: ${without}.`));
    const found = () => globalThis.infodecompPacks?.[name];
    const read = (content) => resolve(JSON.parse(new TextDecoder().decode(content)));
    const done = () => inflated(found()).then(read, fail);
    if (found()) return done();
    const script = Object.assign(document.createElement("script"), { src: address, onerror: fail });
    script.onload = () => (found() ? done() : fail());
    document.head.append(script);
  });
}

/** The bytes that were compressed into a text in base 64. */
export async function inflated(text) {
  const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
