import { make } from "../common/elements.js";
import { measured } from "../common/numbers.js";
import { exactNats } from "./painting.js";
import { questionName } from "./state.js";

/** The numbers of what is asked: counted, and by both estimates. */
export function numbersPanel(lab) {
  const table = make("table", { className: "numbers" });
  const progress = make("p", { className: "progress" });
  return {
    elements: [table, progress],
    showEstimate() {
      table.replaceChildren(...numberRows(lab));
      progress.textContent = progressText(lab);
    },
  };
}

function tableRow(head, value) {
  return make("tr", {}, make("th", { scope: "row", textContent: head }), make("td", { textContent: value }));
}

function numberRows(lab) {
  const { estimate, state } = lab;
  const q = estimate.names.indexOf(questionName(state));
  if (q < 0) return [tableRow("not asked", lab.whyNotAsked())];
  const estimated = (kind) => (estimate.samples > 0 ? `${measured(...estimate[kind][q], 3)} nats` : "…");
  const blurred = () => tableRow("exact, of blurred pictures", `${exactNats(estimate.density[q])} nats`);
  return [
    tableRow("exact, by counting", `${exactNats(estimate.exact[q])} nats`),
    ...(Number.isFinite(estimate.exact[q]) ? [] : [blurred()]),
    tableRow("iˢ, estimated", estimated("standard")),
    tableRow("i°, estimated", estimated("orthogonal")),
  ];
}

function progressText({ estimate, state }) {
  if (!estimate.names.includes(questionName(state))) return "";
  const rate = estimate.rate ? `, ${Math.round(estimate.rate).toLocaleString("en")} evaluations a second` : "";
  return `${estimate.samples} samples of noise, ${estimate.conditions} evaluations each${rate}`;
}
