import { svg } from "../common/drawing.js";
import { make } from "../common/elements.js";
import { measured } from "../common/numbers.js";
import { TINY, extent } from "./painting.js";

const LOW = -16; // log-SNRs of the plot
const HIGH = 8;
const WIDTH = 360;
const HEIGHT = 90;

export const minusSign = (value) => String(value).replace("-", "−");

/** Where on the axis of log-SNR the information arises, and where the noisy picture stands. */
export function profileView(lab) {
  const box = `0 0 ${WIDTH} ${HEIGHT}`;
  const plot = svg("svg", { viewBox: box, role: "img", preserveAspectRatio: "none", class: "profile" });
  const ticks = [-16, -12, -8, -4, 0, 4, 8].map((logsnr) => make("span", { textContent: minusSign(logsnr) }));
  const most = make("p", { className: "progress" });
  const unit = make("div", { className: "unit", textContent: "log-SNR" });
  const show = () => {
    const view = lab.view();
    most.textContent = view ? peakText(view) : "";
    const range = view ? `, −16 to 8. ${most.textContent}` : ": not yet known";
    plot.setAttribute("aria-label", `Information by log-SNR${range}`);
    const x = (WIDTH / (HIGH - LOW)) * (lab.state.logsnr - LOW);
    const here = svg("line", { x1: x, x2: x, y1: 0, y2: HEIGHT, class: "here" });
    plot.replaceChildren(...(view ? shapes(view, lab.state.kind) : []), here);
  };
  const axis = make("div", { className: "ticks" }, ...ticks);
  return { elements: [plot, axis, unit, most], update: show, showEstimate: show };
}

/** A bar with its error for each cell of the profile, and the axis. */
function shapes({ profile, profileError }, kind) {
  const high = extent(profile, profileError);
  const low = kind === "standard" ? -high : 0;
  const y = (value) => HEIGHT - 2 - ((HEIGHT - 4) * (value - low)) / (high - low);
  const width = WIDTH / profile.length;
  const found = [];
  profile.forEach((value, i) => {
    const [top, bottom] = [y(value + profileError[i]), y(value - profileError[i])];
    const height = Math.abs(y(value) - y(0));
    const middle = width * (i + 0.5);
    found.push(svg("rect", { x: width * i + 1, width: width - 2, y: Math.min(y(value), y(0)), height, class: "fill" }));
    found.push(svg("line", { x1: middle, x2: middle, y1: bottom, y2: top, class: "error" }));
  });
  return [...found, svg("line", { x1: 0, x2: WIDTH, y1: y(0), y2: y(0), class: "axis" })];
}

function peakText({ profile, profileError, low, step }) {
  const peak = profile.reduce((best, value, i) => (Math.abs(value) > Math.abs(profile[best]) ? i : best), 0);
  if (Math.abs(profile[peak]) <= TINY) return "Nothing arises.";
  const where = minusSign((low + (peak + 0.5) * step).toFixed(1));
  return `Most at log-SNR ${where}: ${measured(profile[peak], profileError[peak])} nats per nat of log-SNR.`;
}
