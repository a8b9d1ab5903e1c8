import { attend, convolution, groupNorm, layerNorm, linear, silu } from "./layers.js";
import { addTo, apply, move, room } from "./memory.js";

/** The error function, by Abramowitz and Stegun 7.1.26, to 1.5e-7. */
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
}

/** A timestep's or a caption's 4 · channels numbers, from an embedding of it. */
function perceptron(net, x, name) {
  const h = linear(net, x, 1, `${name}.linear_1`);
  apply(net, h, net.places[`${name}.linear_1.weight`][1], silu);
  return linear(net, h, 1, `${name}.linear_2`);
}

function timeEmbedding(net, t, pooled) {
  const [, , count] = net.places["time_embedding.linear_1.weight"];
  const waves = room(net, count);
  const half = count / 2;
  for (let i = 0; i < count; i++)
    net.floats[waves + i] = (i < half ? Math.cos : Math.sin)(t * 1e4 ** (-(i % half) / half));
  const [, wide] = net.places["time_embedding.linear_2.weight"];
  const caption = perceptron(net, pooled, "class_embedding");
  const time = addTo(net, perceptron(net, waves, "time_embedding"), caption, wide);
  apply(net, time, wide, silu); // each block would begin with it
  return time;
}

function resnet(net, x, side, channels, name, time) {
  const n = side * side;
  const [, outputs] = net.places[`${name}.conv1.weight`];
  const shift = linear(net, time, 1, `${name}.time_emb_proj`);
  const first = groupNorm(net, x, n, channels, `${name}.norm1`, { act: silu });
  const h = convolution(net, first, side, `${name}.conv1`);
  const second = groupNorm(net, h, n, outputs, `${name}.norm2`, { act: silu, shift });
  const out = convolution(net, second, side, `${name}.conv2`);
  return addTo(net, out, channels === outputs ? x : linear(net, x, n, `${name}.conv_shortcut`), n * outputs);
}

function transformer(net, x, n, channels, name, tokens) {
  const block = `${name}.transformer_blocks.0`;
  const h = linear(net, groupNorm(net, x, n, channels, `${name}.norm`, { eps: 1e-6 }), n, `${name}.proj_in`);
  for (const part of [1, 2]) { // the picture's own pixels, then the caption's tokens
    const from = layerNorm(net, h, n, `${block}.norm${part}`);
    const [other, m] = part === 1 ? [from, n] : [tokens, net.tokens];
    const of = (source, count, letter) => linear(net, source, count, `${block}.attn${part}.to_${letter}`);
    const read = attend(net, [of(from, n, "q"), of(other, m, "k"), of(other, m, "v")], n, m, channels);
    addTo(net, h, linear(net, read, n, `${block}.attn${part}.to_out.0`), n * channels);
  }
  const wide = linear(net, layerNorm(net, h, n, `${block}.norm3`), n, `${block}.ff.net.0.proj`);
  addTo(net, h, linear(net, gated(net, wide, n, 4 * channels), n, `${block}.ff.net.2`), n * channels);
  return addTo(net, linear(net, h, n, `${name}.proj_out`), x, n * channels);
}

/** The first half of each row's channels times GELU of the second half. */
function gated(net, wide, n, width) {
  const { floats } = net;
  const out = room(net, n * width);
  for (let i = 0; i < n; i++)
    for (let c = 0; c < width; c++) {
      const gate = floats[wide + (2 * i + 1) * width + c];
      floats[out + i * width + c] = floats[wide + 2 * i * width + c] * 0.5 * gate * (1 + erf(gate * Math.SQRT1_2));
    }
  return out;
}

/** A place in the network, {x, side, channels}: its resnet and, where it has one, its transformer. */
function block(net, { x, side, channels }, name, i, time, tokens) {
  const attention = `${name}.attentions.${i}`;
  const next = resnet(net, x, side, channels, `${name}.resnets.${i}`, time);
  const [, outputs] = net.places[`${name}.resnets.${i}.conv1.weight`];
  const seen = net.places[`${attention}.norm.weight`];
  return { x: seen ? transformer(net, next, side * side, outputs, attention, tokens) : next, side, channels: outputs };
}

/** A place, its picture made smaller or larger by a convolution, if there is one. */
function resized(net, at, name, { stride = 1, zoom = 1 }) {
  if (!net.places[`${name}.weight`]) return null;
  const [x, side] = [convolution(net, at.x, at.side, name, { stride, zoom }), (at.side * zoom) / stride];
  return { x, side, channels: at.channels };
}

/** Two places of one size as one, their channels side by side. */
function joined(net, { x, side, channels }, other) {
  const all = channels + other.channels;
  const out = room(net, side * side * all);
  for (let i = 0; i < side * side; i++) {
    move(net, out + i * all, x + i * channels, channels);
    move(net, out + i * all + channels, other.x + i * other.channels, other.channels);
  }
  return { x: out, side, channels: all };
}

/** x̂ [side²][outputs, padded to 8] of one picture z [side²][inputs], given a caption's tokens and the pooled one. */
export function unet(net, z, t, tokens, pooled) {
  const time = timeEmbedding(net, t, pooled);
  const has = (name, i) => net.places[`${name}.resnets.${i}.conv1.weight`];
  let at = { x: convolution(net, z, net.side, "conv_in"), side: net.side, channels: net.places["conv_in.weight"][1] };
  const kept = [at];
  for (let b = 0; has(`down_blocks.${b}`, 0); b++) {
    const name = `down_blocks.${b}`;
    for (let i = 0; has(name, i); i++) kept.push((at = block(net, at, name, i, time, tokens)));
    const smaller = resized(net, at, `${name}.downsamplers.0.conv`, { stride: 2 });
    if (smaller) kept.push((at = smaller));
  }
  for (let i = 0; has("mid_block", i); i++) at = block(net, at, "mid_block", i, time, tokens);
  for (let b = 0; has(`up_blocks.${b}`, 0); b++) {
    const name = `up_blocks.${b}`;
    for (let i = 0; has(name, i); i++) at = block(net, joined(net, at, kept.pop()), name, i, time, tokens);
    at = resized(net, at, `${name}.upsamplers.0.conv`, { zoom: 2 }) ?? at;
  }
  const last = groupNorm(net, at.x, at.side ** 2, at.channels, "conv_norm_out", { act: silu });
  return convolution(net, last, at.side, "conv_out");
}
