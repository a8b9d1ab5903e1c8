import { cells } from "../common/cells.js";
import { packedColour } from "../common/colours.js";
import { make } from "../common/elements.js";
import { measured } from "../common/numbers.js";
import { between, neighbours } from "./smooth.js";

const SIDE = 320; // pixels of the canvas along its longer side, at least

/** The picture with the map on it, and what the map says of a cell. */
export function pictureView(chosen) {
  const [rows, columns] = chosen.state.size;
  const magnified = Math.ceil(SIDE / Math.max(rows, columns));
  const [height, width] = [rows * magnified, columns * magnified];
  const canvas = make("canvas", { width, height });
  const readout = make("output");
  readout.setAttribute("aria-live", "polite");
  let cell = null;
  const read = () => (readout.textContent = cellText(chosen, cell));
  const pointed = cells(canvas, rows, columns, (to) => {
    cell = to;
    read();
  });
  const sheet = new OffscreenCanvas(width, height);
  const pixels = new ImageData(width, height);
  const grid = { columns, magnified, down: neighbours(rows, magnified), across: neighbours(columns, magnified) };
  const picture = new Image();
  const paint = () => {
    const context = background(canvas, picture);
    if (!chosen.layer()) return;
    fill(chosen, new Uint32Array(pixels.data.buffer), grid);
    sheet.getContext("2d").putImageData(pixels, 0, 0);
    context.globalAlpha = chosen.get("opacity");
    context.drawImage(sheet, 0, 0);
  };
  picture.onload = paint;
  picture.src = chosen.state.image;
  return {
    pointed,
    readout,
    update() {
      const about = `${chosen.kind().name} map of “${chosen.get("word")}” on the picture`;
      canvas.setAttribute("aria-label", `${about}, ${rows} by ${columns} cells; arrow keys read a cell`);
      if (picture.complete) paint();
      read();
    },
  };
}

/** The map in packed colours, cells within two standard errors left clear if these are hidden. */
function fill(chosen, packed, { columns, magnified, down, across }) {
  const { map, error } = chosen.layer();
  const [low, high] = chosen.range();
  const table = chosen.colours();
  const hide = chosen.get("hide") && error;
  const smooth = chosen.get("smooth");
  let i = 0;
  for (let y = 0; y < down.length; y++)
    for (let x = 0; x < across.length; x++) {
      const at = Math.floor(y / magnified) * columns + Math.floor(x / magnified);
      const value = smooth ? between(map, columns, down[y], across[x]) : map[at];
      packed[i++] = hide && Math.abs(map[at]) <= 2 * error[at] ? 0 : packedColour(table, value, low, high);
    }
}

function background(canvas, picture) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.globalAlpha = 1;
  context.imageSmoothingEnabled = picture.width > canvas.width;
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return context;
}

function cellText(chosen, cell) {
  const layer = chosen.layer();
  const about = `${chosen.get("word")}, ${chosen.kind().name}: `;
  if (!layer) return `${about}not given`;
  if (!cell) {
    const total = layer.nats === undefined ? "" : `${measured(layer.nats, layer.stderr, 2)} nats in all; `;
    return `${about}${total}point at a cell`;
  }
  const [row, column] = cell;
  const i = row * chosen.state.size[1] + column;
  return `${about}row ${row + 1}, column ${column + 1}: ${measured(layer.map[i], layer.error?.[i])} ${chosen.unit()}`;
}
