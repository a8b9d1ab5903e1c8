import { bytes } from "../common/numbers.js";

const SHOWN = 24; // thumbnails of a context

/** What counting says of a state: {name, picture, many, words, word, context, fits, faces, truth, refusal}. */
export function caseOf(world, state) {
  const picture = world.find(state.name);
  const written = world.wordsOf(state.caption || state.name);
  const keys = written.map(([key]) => key);
  const asked = (key) => {
    const rest = state.alone ? [] : keys.filter((other) => other !== key);
    const [context, fits] = [world.fitting(rest), world.fitting([...rest, key])];
    return { context, fits, belongs: [context.includes(picture), fits.includes(picture)] };
  };
  const words = written.map(([key, text]) => {
    const { context, fits, belongs } = asked(key);
    return { key, text, ...worth(context.length, fits.length, belongs) };
  });
  const found = { ...state, picture, many: world.many, words, own: Boolean(state.caption) };
  if (!state.word) return found;
  const { context, fits } = asked(state.word);
  const also = new Set(fits);
  const others = context.filter((k) => k !== picture && !also.has(k));
  const more = fits.filter((k) => k !== picture).slice(0, Math.max(11, SHOWN - 1 - others.length));
  const first = context.includes(picture) ? [picture] : [];
  const shown = [...first, ...more, ...others].slice(0, SHOWN);
  const faces = shown.map((k) => ({ k, name: world.names[k][0], fits: also.has(k) }));
  return { ...found, faces, context, fits: also };
}

/** What is stored of the first case. */
export function storedCase(first, state) {
  const words = first.words.map(([key, text, ...ways]) => {
    const [[count, inContext], [fitting, fits]] = ways[Number(state.alone)];
    return { key, text, ...worth(count, fitting, [inContext, fits]) };
  });
  const faces = (first.faces ?? []).map(([url, name, fits]) => ({ url, name, fits }));
  return { ...state, name: first.name, many: first.many, words, faces, own: Boolean(state.caption) };
}

/** A map that is stored: {pixels, nats, stderr, sum, draws}; null if there is none. */
export function storedMap({ map }) {
  if (!map) return null;
  const levels = new Uint16Array(bytes(map.pixels).buffer);
  return { ...map, pixels: Float64Array.from(levels, (level) => (level / 65535) * map.high), stored: true, done: true };
}

/** {count, fitting, belongs, nats}: −∞ for what does not fit the picture, undefined where the context does not. */
function worth(count, fitting, [inContext, fits]) {
  const nats = fits ? Math.log(count / fitting) : inContext ? -Infinity : undefined;
  return { count, fitting, nats };
}
