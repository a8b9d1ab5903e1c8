export const TILE = 32; // bytes of a row that lie together

/** What products.wat computes, in JavaScript: the same numbers, floats but for rounding, where a browser refuses it. */
export function plainKernels(buffer) {
  const [bytes, words] = [new Int8Array(buffer), new Int32Array(buffer)];
  const [shorts, floats] = [new Int16Array(buffer), new Float32Array(buffer)];
  return {
    products(rows, vector, out, n, length) {
      words.fill(0, out / 4, out / 4 + 4 * n);
      for (let at = 0; at < length; at += TILE)
        for (let k = 0; k < n; k++, rows += TILE) {
          let sum = 0;
          for (let j = 0, v = vector / 2 + at; j < TILE; j++) sum += shorts[v + j] * bytes[rows + j];
          words[out / 4 + 4 * k] += sum;
        }
    },
    mix(rows, list, m, out, n, length) {
      for (let at = 0; at < length; at += TILE, rows += TILE * n) {
        const sums = words.subarray(out / 4 + at, out / 4 + at + TILE).fill(0);
        for (let i = list / 4; i < list / 4 + 3 * m; i += 3)
          for (let j = 0; j < TILE; j++)
            sums[j] +=
              shorts[2 * i + 4] * bytes[rows + words[i] + j] + shorts[2 * i + 5] * bytes[rows + words[i + 1] + j];
      }
    },
    compare(c, y, x, map, length, cScale, yScale, weight) {
      let sum = 0;
      for (let j = 0; j < length / 4; j++) {
        const [a, b] = [words[c / 4 + j] * cScale, words[y / 4 + j] * yScale];
        sum += (a - b) * (a + b - floats[x / 4 + j]);
        floats[map / 4 + j] += weight * (a - b) ** 2;
      }
      return sum;
    },
    rows: (...asked) => plainRows(floats, ...asked),
  };
}

function plainRows(floats, a, pixel, line, pieces, quads, b, bias, c, panels, row) {
  for (let panel = 0; panel < panels; panel++, b += 128 * quads * pieces)
    for (let r = 0; r < 4; r++)
      for (let column = 0; column < 8; column++) {
        let sum = floats[bias / 4 + 8 * panel + column];
        for (let piece = 0, w = b / 4 + column; piece < pieces; piece++)
          for (let k = 0, from = (a + r * pixel + piece * line) / 4; k < 4 * quads; k++, w += 8)
            sum += floats[from + k] * floats[w];
        floats[(c + r * row) / 4 + 8 * panel + column] = sum;
      }
}
