const CELLS = 48;
const BROAD = 0.1; // of the draws fall anywhere
const NEAR = [1, 2, 3, 4, 5, 4, 3, 2, 1]; // how neighbouring cells are smoothed

/** Where the log-SNRs are drawn: a histogram, fitted to a pilot as the square root of variance over cost. */
export class Proposal {
  /** halves: half the squared distances of all pictures from the one that is seen. */
  constructor(halves) {
    const apart = halves.filter((half) => half > 0);
    this.low = Math.log(5e-4 / apart.reduce((a, b) => Math.max(a, b)));
    const high = Math.log(40 / apart.reduce((a, b) => Math.min(a, b)));
    this.width = (high - this.low) / CELLS;
    this.shares = new Float64Array(CELLS).fill(1 / CELLS);
  }

  /** evaluate(log-SNR, sign): [integrand, cost]. times: how often each cell is tried, draw: before each round. */
  fit(next, draw, evaluate, times) {
    const [squares, costs] = [new Float64Array(CELLS), new Float64Array(CELLS)];
    for (let round = 0; round < times; round++) {
      draw();
      for (let cell = 0; cell < CELLS; cell++) {
        const [value, cost] = evaluate(this.low + this.width * (cell + next()), cell % 4 < 2 ? 1 : -1);
        squares[cell] += value ** 2;
        costs[cell] += cost;
      }
    }
    const found = this.shares.map((_, cell) => Math.sqrt(smooth(squares, cell) / smooth(costs, cell)));
    const total = found.reduce((a, b) => a + b);
    if (total > 0) this.shares = found.map((value) => ((1 - BROAD) * value) / total + BROAD / CELLS);
  }

  /** [log-SNR, density] of count quantiles, one in each of so many bins of equal probability. */
  draws(count, shift) {
    const found = [];
    for (let i = 0, cell = 0, below = 0; i < count; i++) {
      const quantile = (i + shift) / count;
      while (cell < CELLS - 1 && quantile > below + this.shares[cell]) below += this.shares[cell++];
      const share = this.shares[cell];
      found.push([this.low + this.width * (cell + (quantile - below) / share), share / this.width]);
    }
    return found;
  }
}

const smooth = (values, cell) =>
  NEAR.reduce((sum, weight, i) => sum + weight * values[Math.min(Math.max(cell + i - 4, 0), CELLS - 1)], 0);
