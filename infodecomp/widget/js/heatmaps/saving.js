import { make } from "../common/elements.js";
import { measured } from "../common/numbers.js";

const [EDGE, LINE, INK] = [12, 20, "#111"];

/** Download what is seen as a PNG: the maps, the words with their nats, and the colour bar. */
export function savePicture(chosen, seen) {
  drawn(chosen, seen).toBlob((blob) => {
    const link = make("a", { href: URL.createObjectURL(blob), download: `${fileName(chosen)}.png` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}

const fileName = (chosen) => `heat-map-${chosen.get("word")}`.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/-$/, "");

function drawn(chosen, seen) {
  const shown = seen.canvases();
  const [{ width, height }] = shown[0];
  const sheet = make("canvas", { width: shown.length * (width + EDGE) + EDGE, height: height + 2 * EDGE + 4 * LINE });
  const context = sheet.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.fillStyle = INK;
  context.font = "14px sans-serif";
  shown.forEach(([canvas, word], k) => {
    const left = EDGE + k * (width + EDGE);
    context.fillText(chosen.get("original") ? "" : title(chosen, word), left, EDGE + LINE / 2, width);
    context.drawImage(canvas, left, EDGE + LINE);
  });
  if (!chosen.get("original")) drawBar(context, seen.ramp(), chosen.kind().unit, width, EDGE + height + 1.5 * LINE);
  return sheet;
}

function title(chosen, word) {
  const layer = chosen.layer(word);
  const nats = layer?.nats === undefined ? "" : ` ${measured(layer.nats, layer.stderr, 2)} nats`;
  return `${word}, ${chosen.kind().label}:${nats}`.replace(/:$/, "");
}

function drawBar(context, [bar, ticks], unit, width, top) {
  context.drawImage(bar, EDGE, top, width, LINE / 2);
  ["left", "center", "right"].forEach((align, k) => {
    context.textAlign = align;
    context.fillText(ticks[k], EDGE + (k * width) / 2, top + 1.4 * LINE);
  });
  context.textAlign = "center";
  context.fillText(unit, EDGE + width / 2, top + 2.2 * LINE);
}
