import { attend, layerNorm, linear } from "./layers.js";
import { addTo, apply, move, room } from "./memory.js";

/** The numbers of a text's words, between the numbers of begin and end. */
function tokenize({ words, tokens, begin, end }, text) {
  const known = text.split(" ").filter(Boolean).map((word) => words[word]);
  if (known.includes(undefined) || known.length > tokens - 2)
    throw new Error(`the network does not know the words of “${text}”`);
  return [begin, ...known, ...Array(tokens - 1 - known.length).fill(end)];
}

/** A text as the network reads it: its tokens [tokens][width], and which of them stands for all. Remembered. */
export function embedding(net, text) {
  if (!net.read.has(text)) net.read.set(text, embed(net, text));
  return net.read.get(text);
}

function embed(net, text) {
  const numbers = tokenize(net, text);
  const before = net.top;
  const { tokens: n, places } = net;
  const [table, , width] = places["text.embeddings.token_embedding.weight"];
  const [positions] = places["text.embeddings.position_embedding.weight"];
  const h = room(net, n * width);
  numbers.forEach((number, i) => move(net, h + i * width, table + number * width, width));
  addTo(net, h, positions, n * width);
  for (let layer = 0; places[`text.encoder.layers.${layer}.mlp.fc1.weight`]; layer++)
    readLayer(net, h, n, width, `text.encoder.layers.${layer}`);
  const read = layerNorm(net, h, n, "text.final_layer_norm");
  net.top = before;
  return { tokens: net.floats.slice(read, read + n * width), pooled: numbers.indexOf(net.end) };
}

function readLayer(net, h, n, width, name) {
  const from = layerNorm(net, h, n, `${name}.layer_norm1`);
  const parts = ["q", "k", "v"].map((part) => linear(net, from, n, `${name}.self_attn.${part}_proj`));
  const seen = attend(net, parts, n, n, width, true);
  addTo(net, h, linear(net, seen, n, `${name}.self_attn.out_proj`), n * width);
  const wide = linear(net, layerNorm(net, h, n, `${name}.layer_norm2`), n, `${name}.mlp.fc1`);
  const [, hidden] = net.places[`${name}.mlp.fc1.weight`];
  apply(net, wide, n * hidden, (v) => v / (1 + Math.exp(-1.702 * v))); // CLIP's quick GELU
  addTo(net, h, linear(net, wide, n, `${name}.mlp.fc2`), n * width);
}
