import { make } from "./elements.js";
import { bytes, number } from "./numbers.js";

/** 256 colours, packed as the pixels of a canvas, from base 64. */
export function palette(table) {
  const rgb = bytes(table);
  const packed = (red, green, blue) => (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
  return Uint32Array.from({ length: 256 }, (_, i) => packed(rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]));
}

export function palettes(tables) {
  return Object.fromEntries(Object.entries(tables).map(([name, table]) => [name, palette(table)]));
}

/** The packed colour of a value between low and high. */
export function packedColour(table, value, low, high) {
  return table[Math.min(255, Math.max(0, Math.round(((value - low) / (high - low)) * 255)))];
}

/** A bar of all colours, with numbers at its ends and middle. */
export function colourBar() {
  const bar = make("canvas", { width: 256, height: 1 });
  bar.setAttribute("aria-hidden", "true");
  const ticks = make("div", { className: "ticks" });
  return {
    elements: [bar, ticks],
    show(table, low, high, middle = (low + high) / 2) {
      const strip = new ImageData(256, 1);
      new Uint32Array(strip.data.buffer).set(table);
      bar.getContext("2d").putImageData(strip, 0, 0);
      const texts = [low, middle, high].map((value) => number(value, high / 2));
      ticks.replaceChildren(...texts.map((textContent) => make("span", { textContent })));
    },
    clear: () => ticks.replaceChildren(),
  };
}
