import { make } from "../common/elements.js";

const COLUMNS = 64;

/** All pictures on one sheet, and small pictures as pieces of it. */
export class Faces {
  /** levels: bytes (count, size, size, 3). */
  constructor(levels, size) {
    const length = 3 * size * size;
    Object.assign(this, { levels, size, length, rows: Math.ceil(levels.length / length / COLUMNS) });
  }

  /** Draws the sheet and makes it the background of all small pictures in an element. */
  async dress(el) {
    const { levels, size, length, rows } = this;
    const sheet = make("canvas", { width: COLUMNS * size, height: rows * size });
    const image = new ImageData(sheet.width, sheet.height);
    const packed = new Uint32Array(image.data.buffer);
    for (let k = 0, p = 0; p < levels.length; k++) {
      const corner = Math.floor(k / COLUMNS) * size * sheet.width + (k % COLUMNS) * size;
      for (let j = 0; j < length / 3; j++, p += 3)
        packed[corner + Math.floor(j / size) * sheet.width + (j % size)] =
          0xff000000 | (levels[p + 2] << 16) | (levels[p + 1] << 8) | levels[p];
    }
    sheet.getContext("2d").putImageData(image, 0, 0);
    const blob = await new Promise((resolve) => sheet.toBlob(resolve));
    this.address = URL.createObjectURL(blob);
    el.style.setProperty("--sheet", `url(${this.address})`);
    el.style.setProperty("--columns", COLUMNS);
  }

  face(k) {
    const face = make("span", { className: "face" });
    face.style.setProperty("--c", k % COLUMNS);
    face.style.setProperty("--r", Math.floor(k / COLUMNS));
    return face;
  }

  /** The levels of one picture, or of some, in a row. */
  picture(k) {
    return this.levels.subarray(k * this.length, (k + 1) * this.length);
  }

  pictures(places) {
    const found = new Uint8Array(places.length * this.length);
    places.forEach((k, i) => found.set(this.picture(k), i * this.length));
    return found;
  }
}
