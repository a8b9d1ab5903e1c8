/** Fills an array of even length with Gaussian numbers from uniform ones (Marsaglia's polar method). */
export function normals(next, into) {
  for (let j = 0; j < into.length; j += 2) {
    let u, v, s;
    do {
      u = 2 * next() - 1;
      v = 2 * next() - 1;
      s = u * u + v * v;
    } while (s >= 1);
    s = Math.sqrt((-2 * Math.log(s)) / s);
    into[j] = u * s;
    into[j + 1] = v * s;
  }
  return into;
}
