const ENOUGH = 10; // pairs of draws that count, below which an error is widened by more than Student's t
const COVERED = 0.9544997361036416; // what ±2 standard errors of a normal hold
const NODES = 64; // of Simpson's rule

/** By what a standard error is widened, from n differences of pairs: Σ of their squares and of their fourth powers. */
export function widening(squares, fourths, n) {
  const count = fourths > 0 ? squares ** 2 / fourths : n;
  const excess = Math.max(0, 1 / count - Math.max(1 / ENOUGH, 4.5 / (n + 2)));
  return student(Math.min(3 * count, n)) * Math.sqrt(1 + ENOUGH * excess);
}

/** Half of the t of so many degrees of freedom that covers as ±2 of a normal: t = √freedom · tan θ. */
function student(freedom) {
  const whole = area(Math.PI / 2, freedom);
  let [low, high] = [0, Math.PI / 2];
  for (let k = 0; k < 40; k++) {
    const middle = (low + high) / 2;
    if (area(middle, freedom) < COVERED * whole) low = middle;
    else high = middle;
  }
  return (Math.sqrt(freedom) * Math.tan(low)) / 2;
}

/** ∫ cos^(freedom − 1) from 0 to an angle: with θ = angle · sin φ the end at π/2 is smooth. */
function area(angle, freedom) {
  let sum = 0;
  for (let i = 0; i <= NODES; i++) {
    const phi = (Math.PI / 2) * (i / NODES);
    const weight = i === 0 || i === NODES ? 1 : 2 + 2 * (i % 2);
    sum += weight * Math.cos(angle * Math.sin(phi)) ** (freedom - 1) * Math.cos(phi);
  }
  return (sum * angle * Math.PI) / (6 * NODES);
}
