import { cells } from "../common/cells.js";
import { make } from "../common/elements.js";
import { greyed, inked, strengthOf } from "../common/overlay.js";
import { between, neighbours } from "./smooth.js";

const [LEAST, MOST] = [320, 640]; // pixels of the canvas along its longer side

/** A canvas with the map of a word on the greyed picture. point: called with the word and a cell, or null. */
export function pictureView(chosen, wordOf, point) {
  const [rows, columns] = chosen.item.size;
  const canvas = make("canvas");
  const pointed = cells(canvas, rows, columns, (cell) => point(wordOf(), cell));
  const name = make("figcaption");
  const element = make("figure", {}, pointed, name);
  const picture = new Image();
  const ready = () => picture.complete && picture.naturalWidth;
  let [under, grid, loaded] = [{ mean: [200, 200, 200] }, null, () => {}];
  const paint = () => (chosen.get("original") ? plain(canvas, picture) : cover(chosen, wordOf(), canvas, under, grid));
  picture.onload = () => {
    const side = Math.min(MOST, Math.max(LEAST, picture.naturalWidth, picture.naturalHeight));
    const magnified = Math.ceil(side / Math.max(rows, columns));
    [canvas.width, canvas.height] = [columns * magnified, rows * magnified];
    grid = { columns, magnified, down: neighbours(rows, magnified), across: neighbours(columns, magnified) };
    under = greyed(plain(canvas, picture).getImageData(0, 0, canvas.width, canvas.height).data, chosen.state.grey);
    paint();
    loaded();
  };
  picture.src = chosen.image;
  return {
    element,
    canvas,
    wordOf,
    mean: () => under.mean,
    loaded: (then) => (loaded = then),
    update() {
      element.hidden = !wordOf();
      name.textContent = chosen.get("beside") ? wordOf() : "";
      const size = `${rows} by ${columns} cells`;
      canvas.setAttribute("aria-label", `${about(chosen, wordOf())}, ${size}; arrow keys read a cell`);
      if (ready() && grid) paint();
    },
  };
}

function about(chosen, word) {
  return chosen.get("original") ? "The picture" : `${chosen.kind().name} map of “${word}” on the picture`;
}

/** The picture in its colours. */
function plain(canvas, picture) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingEnabled = picture.naturalWidth > canvas.width;
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return context;
}

/** The map over the greyed picture; cells within two standard errors are left clear if these are hidden. */
function cover(chosen, word, canvas, { ground }, { columns, magnified, down, across }) {
  const layer = chosen.layer(word);
  const [high, root, look] = [chosen.high(word), chosen.get("root"), chosen.look()];
  const hide = chosen.get("hide") && layer?.error;
  const smooth = chosen.get("smooth");
  const pixels = new ImageData(canvas.width, canvas.height);
  const packed = new Uint32Array(pixels.data.buffer);
  let i = 0;
  for (let y = 0; y < down.length; y++)
    for (let x = 0; x < across.length; x++) {
      const at = Math.floor(y / magnified) * columns + Math.floor(x / magnified);
      const clear = !layer || (hide && Math.abs(layer.map[at]) <= 2 * layer.error[at]);
      const value = clear ? 0 : smooth ? between(layer.map, columns, down[y], across[x]) : layer.map[at];
      packed[i] = inked(strengthOf(value, high, root), ground, 4 * i, look);
      i++;
    }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}
