import { svg } from "../common/drawing.js";
import { many } from "./telling.js";

const LEAST = 32; // draws
const [LEFT, RIGHT, TOP, BOTTOM] = [34, 334, 8, 130];

/** The running total over the logarithm of the draws, with two standard errors, beside the count. */
export function curve() {
  const plot = svg("svg", { viewBox: "0 0 340 150", class: "curve", "aria-hidden": "true" });
  return {
    element: plot,
    show(trail, truth) {
      const latest = trail.at(-1);
      const shown = latest?.draws > LEAST && !latest.stored;
      plot.classList.toggle("stored", Boolean(latest?.stored));
      plot.replaceChildren(...(shown ? shapes(trail, truth) : []));
    },
  };
}

function shapes(trail, truth) {
  const latest = trail.at(-1);
  const [from, to] = [Math.log10(LEAST), Math.max(3.2, Math.log10(latest.draws))];
  const x = (draws) => LEFT + ((RIGHT - LEFT) * (Math.log10(draws) - from)) / (to - from);
  const y = (nats) => BOTTOM - (BOTTOM - TOP) * Math.min(1, Math.max(0, nats / truth / 1.7));
  let last = -1;
  const seen = trail.filter((one) => {
    if (one.draws < LEAST || (one !== latest && x(one.draws) < last + 1)) return false; // points a pixel apart
    last = x(one.draws);
    return true;
  });
  const points = (value) => seen.map((one) => `${x(one.draws).toFixed(1)},${y(value(one)).toFixed(1)}`);
  const [upper, lower] = [2, -2].map((times) => points(({ nats, stderr }) => nats + times * stderr));
  const text = (at, height, anchor, words) => svg("text", { x: at, y: height, "text-anchor": anchor }, words);
  const ticks = [100, 1e3, 1e4, 1e5, 1e6, 1e7].filter((draws) => Math.log10(draws) <= to);
  return [
    svg("path", { class: "axis", d: `M${LEFT} ${TOP}V${BOTTOM}H${RIGHT}` }),
    svg("polygon", { class: "band", points: [...upper, ...lower.reverse()].join(" ") }),
    svg("path", { class: "truth", d: `M${LEFT} ${y(truth)}H${RIGHT}` }),
    svg("polyline", { class: "line", points: points(({ nats }) => nats).join(" ") }),
    ...ticks.map((draws) => text(x(draws), BOTTOM + 14, "middle", many(draws))),
    text(LEFT - 4, BOTTOM + 3, "end", "0"),
    text(LEFT - 4, y(truth) + 3, "end", truth.toFixed(2)),
    text(RIGHT, y(truth) - 5, "end", "counted"),
    text(RIGHT, BOTTOM - 4, "end", "draws"),
    text(LEFT + 5, TOP + 7, "start", "nats"),
  ];
}
