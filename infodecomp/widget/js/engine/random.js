/** Uniform numbers between 0 and 1 from counters: the same key gives the same numbers. */
export function random(...key) {
  let state = 0x9e3779b9;
  for (const part of key) state = mix((state + part + 0x6d2b79f5) | 0);
  return sfc32(state, mix(state + 1), mix(state + 2));
}

function mix(bits) {
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** Chris Doty-Humphrey's generator "small fast counting", its letters as he named them. */
function sfc32(a, b, c) {
  let d = 1;
  const next = () => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return ((t >>> 0) + 0.5) / 4294967296;
  };
  for (let i = 0; i < 12; i++) next();
  return next;
}

/** A picture of Gaussian noise, by Box and Muller. */
export function gaussian({ pictures: { length } }, ...key) {
  const next = random(...key);
  const noise = new Float64Array(length);
  for (let i = 0; i < length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(next()));
    const angle = 2 * Math.PI * next();
    noise[i] = radius * Math.cos(angle);
    noise[i + 1] = radius * Math.sin(angle);
  }
  return noise;
}
