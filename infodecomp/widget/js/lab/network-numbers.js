import { make } from "../common/elements.js";
import { exactNats } from "./painting.js";
import { estimateBar } from "./words.js";

const SURE = 64; // draws from which on a verdict is given
const ROWS = { exact: "exact denoiser", network: "network" };
const COLUMNS = { own: "own context", against: "against alternatives" };

/** What counting says of the chosen word in both ways; undefined where it is not yet known. */
function counted({ estimate, state }) {
  const of = (name) => estimate?.exact[estimate.names.indexOf(`${name} ${state.word}`)];
  return { own: of("CMI"), against: of("against") };
}

/** Caption, head and rows of the table of both denoisers, with bars of one scale. */
export function numbersTable(lab, tally, word) {
  if (!tally) return [];
  const title = make("caption", { textContent: `“${word}”, iˢ in nats` });
  const head = make("tr", {}, make("td"), ...Object.values(COLUMNS).map((text) => cell("th", "col", text)));
  const shown = (parts) => cell("td", "", ...parts);
  const row = (name, cells) => make("tr", {}, cell("th", "row", name), ...cells.map(shown));
  const known = counted(lab);
  const totals = tally.draws() ? tally.totals() : null;
  const ways = Object.keys(COLUMNS);
  const all = ways.flatMap((way) => [known[way], totals?.exact[way][0], totals?.network[way][0]]);
  const reach = Math.max(1e-9, ...all.filter(Number.isFinite));
  const estimated = ([who, name]) => row(name, ways.map((way) => estimateBar(totals?.[who][way], known[way], reach)));
  const exact = ways.map((way) => [known[way] === undefined ? "…" : exactNats(known[way])]);
  return [title, head, row("counted", exact), ...Object.entries(ROWS).map(estimated)];
}

function cell(tag, scope, ...children) {
  const element = make(tag, {}, ...children);
  if (scope) element.scope = scope;
  return element;
}

/** One or two sentences on what the network's numbers mean, "" before they are known. */
export function verdict(lab, tally) {
  const known = counted(lab);
  if (tally.draws() < SURE || !Number.isFinite(known.own)) return "";
  const { own, against } = tally.totals().network;
  const apart = ([nats, error], exact) => (nats - exact) / Math.max(error, 0.01);
  if (apart(own, known.own) < 2) return "In its own context the network says what is counted, or less.";
  const inflated = "The network’s own context is not the mean of the alternatives: it finds more than there is.";
  const right = Math.abs(apart(against, known.against)) < 2;
  return right ? `${inflated} Against the alternatives the same network is right.` : inflated;
}
