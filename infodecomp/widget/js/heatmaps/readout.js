import { measured } from "../common/numbers.js";
import { countedText, nearZero } from "./totals.js";

/** What the map of a word says of a cell [row, column], or of the whole picture. */
export function cellText(chosen, pointed, cell) {
  const word = pointed ?? chosen.word();
  const layer = chosen.layer(word);
  const about = `${word}, ${chosen.kind().label}: `;
  if (!layer) return `${about}not given`;
  const unit = chosen.kind().unit === "attention" ? "attention" : "nats";
  if (cell) {
    const [row, column] = cell;
    const i = row * chosen.item.size[1] + column;
    return `${about}row ${row + 1}, column ${column + 1}: ${measured(layer.map[i], layer.error?.[i])} ${unit}`;
  }
  const counted = countedText(layer);
  const parts = [
    ...(layer.nats === undefined ? [] : [`the map adds up to ${measured(layer.nats, layer.stderr, 2)} nats`]),
    ...(counted ? [counted] : []),
    ...(nearZero(layer) ? ["within two standard errors of zero"] : []),
    "point at a cell",
  ];
  return about + parts.join("; ");
}
