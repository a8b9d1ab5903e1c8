// A page without a kernel: the state stands beside this script, and nobody else listens.
for (const root of document.querySelectorAll(`.${widget}[data-widget]:not([data-done])`)) {
  const state = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const listeners = {};
  const model = {
    get: (name) => state[name],
    set: (name, value) => {
      state[name] = value;
      for (const listener of listeners[`change:${name}`] ?? []) listener();
    },
    on: (event, listener) => (listeners[event] ??= []).push(listener),
    off: () => {},
    save_changes: () => {},
  };
  const el = document.createElement("div");
  root.append(el);
  render({ model, el });
  root.dataset.done = "";
}
