// What both widgets use.
function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function bytes(base64) {
  return Uint8Array.from(atob(base64.padEnd(Math.ceil(base64.length / 4) * 4, "=")), (c) => c.charCodeAt(0));
}

/** A number's text with a true minus, and none before zero. */
const minus = (text) => text.replace(/^-(?=[0.]*$)/, "").replace("-", "−");

function number(value, error) {
  const digits = error > 0 ? Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(error)))) : 3;
  return minus(value.toFixed(digits));
}

function measured(value, error, digits) {
  const text = (v) => (digits === undefined ? number(v, error) : minus(v.toFixed(digits)));
  return error === undefined ? text(value) : `${text(value)} ± ${text(error)}`;
}

/** 256 colours, packed as a canvas' pixels, from base 64. */
function palette(table) {
  const rgb = bytes(table);
  return Uint32Array.from({ length: 256 }, (_, i) => (0xff000000 | (rgb[3 * i + 2] << 16) | (rgb[3 * i + 1] << 8) | rgb[3 * i]) >>> 0);
}

/** Lets pointer and arrow keys choose a cell [row, column] of an h × w canvas, framed; calls read with it, or null. */
function cells(canvas, h, w, read) {
  const frame = make("span", { className: "cell", hidden: true });
  let cell = null;
  function point(to) {
    cell = to && [Math.min(Math.max(to[0], 0), h - 1), Math.min(Math.max(to[1], 0), w - 1)];
    frame.hidden = !cell;
    if (cell) {
      const part = (n, of) => `${(100 * n) / of}%`;
      Object.assign(frame.style, { top: part(cell[0], h), left: part(cell[1], w), height: part(1, h), width: part(1, w) });
    }
    read(cell);
  }
  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    const along = (position, length, count) => Math.floor((position / length) * count);
    point([along(event.clientY - box.top, box.height, h), along(event.clientX - box.left, box.width, w)]);
  };
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.addEventListener("pointermove", under);
  canvas.addEventListener("pointerdown", under);
  canvas.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && point(null));
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (step) point(cell ? [cell[0] + step[0], cell[1] + step[1]] : [h >> 1, w >> 1]);
    else if (event.key === "Escape") point(null);
    else return;
    event.preventDefault();
  });
  return make("div", { className: "picture" }, canvas, frame);
}
