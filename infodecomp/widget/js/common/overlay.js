// A map over a greyed picture, as infodecomp.plot draws it: zero is the picture, colour and cover grow with |nats|.

/** The levels of an ImageData (red, green, blue; four steps apart) with little colour and lighter, and their mean. */
export function greyed(data, { luma, colour, white }) {
  const ground = new Float32Array(data.length);
  const mean = [0, 0, 0];
  for (let i = 0; i < data.length; i += 4) {
    const grey = luma[0] * data[i] + luma[1] * data[i + 1] + luma[2] * data[i + 2];
    for (let c = 0; c < 3; c++) {
      ground[i + c] = (1 - white) * (grey + colour * (data[i + c] - grey)) + 255 * white;
      mean[c] += (4 * ground[i + c]) / data.length;
    }
  }
  return { ground, mean };
}

/** A value as a part of the highest, −1 to 1; root: its square root, so that weak ones are seen. */
export function strengthOf(value, high, root) {
  const part = Math.min(1, Math.max(-1, value / high));
  return root ? Math.sign(part) * Math.sqrt(Math.abs(part)) : part;
}

/** The packed colour of a strength over a ground at i. */
export function inked(strength, ground, i, { table, signed, opacity }) {
  const part = signed ? strength : Math.max(0, strength);
  const ink = table[Math.round(255 * (signed ? (part + 1) / 2 : part))];
  const cover = opacity * Math.abs(part);
  const mixed = (c) => Math.round(ground[i + c] + cover * (((ink >>> (8 * c)) & 255) - ground[i + c]));
  return (0xff000000 | (mixed(2) << 16) | (mixed(1) << 8) | mixed(0)) >>> 0;
}

/** 256 colours from weakest (or most negative) to strongest, as they are seen over a mean ground. */
export function seenRamp(mean, look) {
  const strength = (i) => (look.signed ? i / 127.5 - 1 : i / 255);
  return Uint32Array.from({ length: 256 }, (_, i) => inked(strength(i), mean, 0, look));
}
