import { make } from "./elements.js";

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** Lets pointer and arrow keys choose a cell [row, column] of a canvas, framed; calls read with it, or null. */
export function cells(canvas, rows, columns, read) {
  const frame = make("span", { className: "cell", hidden: true });
  let cell = null;
  const point = (to) => {
    cell = to && [clamped(to[0], rows), clamped(to[1], columns)];
    frame.hidden = !cell;
    if (cell) surround(frame, cell, rows, columns);
    read(cell);
  };
  const follow = (event) => {
    const box = canvas.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
    point([row, Math.floor(((event.clientX - box.left) / box.width) * columns)]);
  };
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.addEventListener("pointermove", follow);
  canvas.addEventListener("pointerdown", follow);
  canvas.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && point(null));
  canvas.addEventListener("keydown", (event) => {
    const step = ARROWS[event.key];
    if (step) point(cell ? [cell[0] + step[0], cell[1] + step[1]] : [Math.floor(rows / 2), Math.floor(columns / 2)]);
    else if (event.key === "Escape") point(null);
    else return;
    event.preventDefault();
  });
  return make("div", { className: "picture" }, canvas, frame);
}

const clamped = (position, count) => Math.min(Math.max(position, 0), count - 1);

function surround(frame, [row, column], rows, columns) {
  const part = (n, of) => `${(100 * n) / of}%`;
  const place = { top: part(row, rows), left: part(column, columns), height: part(1, rows), width: part(1, columns) };
  Object.assign(frame.style, place);
}
