import { bytes } from "../common/numbers.js";
import { inflated } from "../common/packs.js";

/** The levels (pictures, rows, columns, 3) of a pack of pictures, as bytes: no canvas that a browser may alter. */
export async function levelsOf({ palette, levels }) {
  const indices = await inflated(levels);
  const colours = bytes(palette);
  const found = new Uint8Array(3 * indices.length);
  for (let i = 0, p = 0; i < indices.length; i++) {
    const at = 3 * indices[i];
    found[p++] = colours[at];
    found[p++] = colours[at + 1];
    found[p++] = colours[at + 2];
  }
  return found;
}
