import { room } from "./memory.js";
import { embedding } from "./text.js";
import { unet } from "./unet.js";

/** What a network believes to be the picture, (3, 2 side, 2 side) in units of x, of z at a log-SNR and of a text. */
export function guess(net, z, logsnr, text) {
  const { floats, side, channels } = net;
  const embedded = embedding(net, text);
  const before = net.top;
  const tokens = room(net, embedded.tokens.length);
  const picture = room(net, side * side * channels);
  floats.set(embedded.tokens, tokens);
  net.where ??= cells(side, channels);
  net.where.forEach((from, i) => (floats[picture + i] = z[from]));
  const [high, low] = net.logsnrs; // of the first and the last timestep
  const t = ((high - logsnr) / (high - low)) * (net.steps - 1);
  const out = unet(net, picture, t, tokens, tokens + (embedded.pooled * embedded.tokens.length) / net.tokens);
  const [, padded] = net.places["conv_out.weight"];
  const x = new Float64Array(z.length);
  net.where.forEach((to, i) => (x[to] = floats[out + Math.floor(i / channels) * padded + (i % channels)]));
  net.top = before;
  return x;
}

/** For each channel of each pixel of the network's picture its place in (3, 2 side, 2 side): four pixels are one. */
function cells(side, channels) {
  return Int32Array.from({ length: side * side * channels }, (_, i) => {
    const [pixel, channel] = [Math.floor(i / channels), i % channels];
    const row = 2 * Math.floor(pixel / side) + (Math.floor(channel / 2) % 2);
    return (Math.floor(channel / 4) * 2 * side + row) * 2 * side + 2 * (pixel % side) + (channel % 2);
  });
}

/** Half the squared error of ε̂ of a picture x, by a guess at x. */
export function halfSquares(x, logsnr, guessed) {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (guessed[i] - x[i]) ** 2;
  return (Math.exp(logsnr) * sum) / 2;
}
