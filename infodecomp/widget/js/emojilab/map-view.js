import { cells } from "../common/cells.js";
import { make } from "../common/elements.js";
import { number } from "../common/numbers.js";

const HOT = { day: [208, 18, 56], night: [255, 111, 97] };
const FULL = 0.995; // quantile of a map that has the full colour

/** The picture, in grey under the map of the chosen word, and what a pixel has. */
export function mapView(lab) {
  const { size } = lab;
  const map = make("canvas", { width: size, height: size });
  const readout = make("output", { className: "small" });
  const [zero, top] = [make("span", { textContent: "0" }), make("span")];
  const ramp = make("div", { className: "ramp" });
  const ticks = make("div", { className: "ticks" }, zero, top);
  let cell = null;
  const read = () => (readout.textContent = cellText(lab, cell));
  const pointed = cells(map, size, size, (to) => {
    cell = to;
    readout.setAttribute("aria-live", "polite");
    read();
  });
  return {
    elements: [pointed, ramp, ticks, readout],
    canvas: map,
    show() {
      readout.setAttribute("aria-live", "off"); // what the estimate changes is not announced
      const pixels = lab.latest?.pixels;
      const high = pixels ? quantile(pixels) : 0;
      paint(map, lab.levels(), lab.case.word ? pixels : null, high, lab.night, Boolean(lab.case.word));
      const about = lab.case.word ? `Map of the information of ${lab.case.word} in ${lab.case.name}` : lab.case.name;
      map.setAttribute("aria-label", `${about}. Arrow keys read a pixel.`);
      ramp.hidden = ticks.hidden = !high;
      top.textContent = high ? `${high.toPrecision(2)} nats a pixel` : "";
      read();
    },
  };
}

function quantile(pixels) {
  return Float64Array.from(pixels).sort()[Math.floor(FULL * pixels.length)];
}

/** Colours over the grey picture, with the root of the nats as opacity: the picture is never hidden. */
function paint(canvas, levels, pixels, high, night, grey) {
  const image = new ImageData(canvas.width, canvas.height);
  const hot = HOT[night ? "night" : "day"];
  for (let p = 0; p < image.data.length / 4; p++) {
    const level = levels.subarray(3 * p, 3 * p + 3);
    const bright = (0.3 * level[0] + 0.59 * level[1] + 0.11 * level[2]) / 255;
    const base = night ? 104 - 76 * bright : 168 + 84 * bright;
    const opacity = high && pixels ? Math.min(1, Math.sqrt(pixels[p] / high)) : 0;
    for (let c = 0; c < 3; c++) image.data[4 * p + c] = grey ? base + opacity * (hot[c] - base) : level[c];
    image.data[4 * p + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function cellText(lab, cell) {
  const pixels = lab.latest?.pixels;
  if (!lab.case.word || !pixels) return "";
  if (!cell) return "Point at a pixel, or use the arrow keys.";
  const nats = pixels[cell[0] * lab.size + cell[1]];
  return `row ${cell[0] + 1}, column ${cell[1] + 1}: ${number(nats, nats / 10)} nats`;
}
