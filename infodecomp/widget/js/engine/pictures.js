import { bytes } from "../common/numbers.js";
import { PLACES, THINGS, layoutOf, placeOf } from "./things.js";

/** Pictures as sums: a base by day, what night adds to it, and what each object adds in its place; in units of x. */
export function preparePictures(data) {
  const { size, sprite, sky } = data;
  const patch = { side: sprite, length: 3 * sprite * sprite };
  const shape = { ...data, pixels: size * size, length: 3 * size * size, patch };
  const levels = { sprites: bytes(data.sprites), skies: bytes(data.skies) }; // rows, columns, channels
  const mean = new Float64Array(bytes(data.mean).buffer);
  const night = nightPart(shape, levels.skies);
  const things = Array.from({ length: THINGS }, (_, thing) => thingPart(shape, levels.sprites, thing));
  const squared = (part) => part.reduce((sum, value) => sum + value * value, 0);
  return {
    pixels: shape.pixels,
    length: shape.length,
    unit: data.scale,
    mean,
    base: basePicture(shape, levels.skies, mean),
    night: { values: night, norm: squared(night), where: skyPixels(size, sky) },
    things: things.map((values) => ({ values, norm: squared(values) })),
    places: data.places.flat().map((corner) => patchPixels(shape, corner)),
  };
}

function basePicture({ size, sky, ground, scale, pixels, length }, skies, mean) {
  return Float64Array.from({ length }, (_, i) => {
    const channel = Math.floor(i / pixels);
    const pixel = i % pixels;
    const level = Math.floor(pixel / size) < sky ? skies[3 * pixel + channel] : ground[channel];
    return (level / 255 - mean[i]) / scale;
  });
}

function nightPart({ size, sky, scale }, skies) {
  const area = sky * size;
  return Float64Array.from({ length: 3 * area }, (_, i) => {
    const channel = Math.floor(i / area);
    const pixel = i % area;
    return (skies[3 * (area + pixel) + channel] - skies[3 * pixel + channel]) / 255 / scale;
  });
}

function thingPart({ ground, scale, patch }, sprites, thing) {
  const area = patch.side * patch.side;
  return Float64Array.from({ length: patch.length }, (_, i) => {
    const channel = Math.floor(i / area);
    return (sprites[thing * patch.length + 3 * (i % area) + channel] - ground[channel]) / 255 / scale;
  });
}

/** Where in x the numbers of the sky stand. */
function skyPixels(size, sky) {
  const area = sky * size;
  return Int32Array.from({ length: 3 * area }, (_, i) => Math.floor(i / area) * size * size + (i % area));
}

/** Where in x the numbers of an object stand whose patch has this corner. */
function patchPixels({ size, pixels, patch }, [left, top]) {
  const area = patch.side * patch.side;
  return Int32Array.from({ length: patch.length }, (_, i) => {
    const row = top + Math.floor((i % area) / patch.side);
    return Math.floor(i / area) * pixels + row * size + left + (i % patch.side);
  });
}

/** x of a scene {axis, far, night, first, second}, objects as numbers. */
export function picture({ pictures }, scene) {
  const x = pictures.base.slice();
  if (scene.night) pictures.night.where.forEach((at, i) => (x[at] += pictures.night.values[i]));
  [scene.first, scene.second].forEach((thing, slot) => {
    const { values } = pictures.things[thing];
    pictures.places[placeOf(layoutOf(scene), slot)].forEach((at, i) => (x[at] += values[i]));
  });
  return x;
}

/** Bytes (red, green, blue, 255) of a picture in units of x, clipped. */
export function rgba({ pictures: { pixels, unit, mean } }, x) {
  const out = new Uint8ClampedArray(4 * pixels).fill(255);
  for (let channel = 0; channel < 3; channel++)
    for (let pixel = 0; pixel < pixels; pixel++) {
      const at = channel * pixels + pixel;
      out[4 * pixel + channel] = (x[at] * unit + mean[at]) * 255;
    }
  return out;
}

/** Adds to x what is believed to stand there: weights (PLACES · THINGS) of the things, and of the night. */
export function addBelieved({ pictures: { things, places, night } }, x, weights, atNight) {
  for (let place = 0; place < PLACES; place++) {
    const where = places[place];
    for (let thing = 0; thing < THINGS; thing++) {
      const weight = weights[place * THINGS + thing];
      if (weight < 1e-12) continue;
      const { values } = things[thing];
      for (let i = 0; i < values.length; i++) x[where[i]] += weight * values[i];
    }
  }
  for (let i = 0; i < night.where.length; i++) x[night.where[i]] += atNight * night.values[i];
}
