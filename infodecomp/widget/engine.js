/**
 * The world of scenes: what texts mean, the exact denoiser, and Equations 4 to 6 sample by sample, in nats.
 *
 * One function without surroundings, so that a page can run it and hand its source to a worker. `data` is what
 * infodecomp.widget.lab.world() exports. Pictures are (3, 32, 32) in units of x, maps (32, 32) with channels summed.
 */
function makeEngine(data) {
  const { size, sprite, sky, jitter, scale: unit } = data;
  const PIXELS = size * size;
  const DIM = 3 * PIXELS;
  const PATCH = 3 * sprite * sprite;
  const THINGS = data.things.length; // 8 nouns × 8 kinds
  const ROW = 6 + 2 * THINGS; // a reading: 4 layouts, 2 skies, first object, second object

  // ---- pictures: a base, and what night and each object add to it ----
  const decode = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const mean = new Float64Array(decode(data.mean).buffer);
  const levels = { sprites: decode(data.sprites), skies: decode(data.skies) }; // rows, columns, channels
  const base = Float64Array.from({ length: DIM }, (_, i) => {
    const [c, y] = [Math.floor(i / PIXELS), Math.floor((i % PIXELS) / size)];
    const level = y < sky ? levels.skies[3 * (i % PIXELS) + c] : data.ground[c];
    return (level / 255 - mean[i]) / unit;
  });
  const night = Float64Array.from({ length: 3 * sky * size }, (_, i) => {
    const [c, at] = [Math.floor(i / (sky * size)), i % (sky * size)];
    return (levels.skies[3 * (sky * size + at) + c] - levels.skies[3 * at + c]) / 255 / unit;
  });
  const things = Array.from({ length: THINGS }, (_, t) =>
    Float64Array.from({ length: PATCH }, (_, i) => {
      const [c, at] = [Math.floor(i / (sprite * sprite)), i % (sprite * sprite)];
      return (levels.sprites[t * PATCH + 3 * at + c] - data.ground[c]) / 255 / unit;
    }),
  );
  const patches = data.places.flat().map(([left, top]) => // where the numbers of an object stand in a picture
    Int32Array.from({ length: PATCH }, (_, i) => {
      const [c, at] = [Math.floor(i / (sprite * sprite)), i % (sprite * sprite)];
      return c * PIXELS + (top + Math.floor(at / sprite)) * size + left + (at % sprite);
    }),
  );
  const skyAt = Int32Array.from({ length: night.length }, (_, i) => Math.floor(i / (sky * size)) * PIXELS + (i % (sky * size)));
  const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);
  const norms = things.map((t) => dot(t, t));
  const nightNorm = dot(night, night);

  /** x of a scene {axis, far, night, first, second}, objects as numbers. */
  function picture(scene) {
    const x = base.slice();
    if (scene.night) skyAt.forEach((at, i) => (x[at] += night[i]));
    [scene.first, scene.second].forEach((t, k) => {
      patches[2 * (2 * scene.axis + scene.far) + k].forEach((at, i) => (x[at] += things[t][i]));
    });
    return x;
  }

  /** Bytes (red, green, blue, 255) of a picture in units of x, clipped. */
  function rgba(x) {
    const out = new Uint8ClampedArray(4 * PIXELS).fill(255);
    for (let c = 0; c < 3; c++) for (let p = 0; p < PIXELS; p++) out[4 * p + c] = (x[c * PIXELS + p] * unit + mean[c * PIXELS + p]) * 255;
    return out;
  }

  // ---- texts ----
  const CLASS = Object.fromEntries(Object.entries(data.vocabulary).flatMap(([name, words]) => words.map((w) => [w, name])));
  const patterns = new Map(); // classes of the words: [{axis, slots, probability}]
  for (const [axis, letters, probability] of data.patterns) {
    const slots = [...letters].map((c) => data.slots[c.charCodeAt(0) - 97]);
    const key = slots.map(([name]) => name).join(" ");
    patterns.set(key, [...(patterns.get(key) ?? []), { axis, slots, probability }]);
  }
  const split = (text) => text.split(" ").filter(Boolean);
  const said = (words, slots) => {
    const word = words.find((_, i) => ["side", "vertical"].includes(slots[i][0]));
    return word in data.relations || !word ? word : `${word} of`;
  };
  const remembered = new Map();

  /** p(text | scene) as rows of factors, alike ones added up: an array of Float64Array(134), empty if nothing fits. */
  function readings(text) {
    if (remembered.has(text)) return remembered.get(text);
    const words = split(text);
    const ways = patterns.get(words.map((w) => CLASS[w] ?? "?").join(" ")) ?? [];
    const found = new Map();
    for (const { axis, slots, probability } of ways) {
      const relation = said(words, slots);
      for (const order of relation ? [data.relations[relation][1]] : [0, 1]) {
        const row = new Float64Array(ROW).fill(1);
        if (axis !== null) row.fill(0, 2 * (1 - axis), 2 * (1 - axis) + 2);
        slots.forEach(([name, k], i) => {
          const word = words[i];
          if (name === "adverb") for (let l = 0; l < 4; l++) row[l] *= data.vocabulary.adverb[l % 2] === word ? data.apt : 1 - data.apt;
          else if (name === "time" || name === "light") row[5 - data.vocabulary[name].indexOf(word)] = 0;
          else if (k === 0 || k === 1)
            for (let t = 0; t < THINGS; t++) if (!data.things[t].includes(word)) row[6 + (k ^ order) * THINGS + t] = 0;
        });
        const key = row.join();
        const known = found.get(key) ?? { row, weight: 0 };
        known.weight += probability / 2;
        found.set(key, known);
      }
    }
    const rows = [...found.values()].map(({ row, weight }) => row.map((v, i) => (i < 4 ? v * weight : v)));
    const possible = Number.isFinite(logText(rows)) ? rows : [];
    remembered.set(text, possible);
    return possible;
  }
  const possible = (text) => readings(text).length > 0;

  /** [[first, last + 1, text]] of a text's words, "left of" and "right of" counting as one. */
  function units(text) {
    const words = split(text);
    const found = [];
    for (let i = 0; i < words.length; i++) {
      const pair = words.slice(i, i + 2).join(" ");
      const length = data.phrases.includes(pair) ? 2 : 1;
      found.push([i, i + length, words.slice(i, i + length).join(" ")]);
      i += length - 1;
    }
    return found;
  }
  const replaced = (text, [start, stop], other) => [...split(text).slice(0, start), ...split(other), ...split(text).slice(stop)].join(" ");

  /** The texts with another word of its kind in a place, itself included: those that the grammar can make. */
  function alternatives(text, place) {
    const others = place[2] in data.relations ? Object.keys(data.relations) : data.vocabulary[CLASS[place[2]]];
    return others.map((other) => replaced(text, place, other)).filter(possible);
  }

  /** [{word, text}]: what else could stand in a place; another noun brings its own state along. */
  function wordings(text, place) {
    const [noun, start, words] = [place[2], place[0], split(text)];
    if (noun in data.relations) return alternatives(text, place).map((t) => ({ word: units(t).find((u) => u[2] in data.relations)[2], text: t }));
    const state = start - (CLASS[words[start - 1]] === "colour" ? 2 : 1);
    return data.vocabulary[CLASS[noun]]
      .map((word) => {
        const told = [...words.slice(0, start), word, ...words.slice(start + 1)];
        const was = data.states[noun]?.indexOf(words[state]) ?? -1;
        if (was >= 0) told[state] = data.states[word][was];
        return { word, text: told.join(" ") };
      })
      .filter((found) => possible(found.text));
  }

  /** All texts of the grammar with the same words in any order. */
  function orders(text) {
    const words = split(text);
    const sorted = (names) => [...names].sort().join(" ");
    const wanted = sorted(words.map((w) => CLASS[w]));
    const found = new Set();
    const fill = (names, left, done) => {
      if (done.length === names.length) return found.add(done.join(" "));
      for (const word of new Set(left.filter((w) => CLASS[w] === names[done.length]))) {
        const at = left.indexOf(word);
        fill(names, left.filter((_, i) => i !== at), [...done, word]);
      }
    };
    for (const key of patterns.keys()) if (sorted(split(key)) === wanted) fill(split(key), words, []);
    return [...found].filter(possible);
  }

  /** Every caption of a scene: the shortest first, both orders, fitting adverbs before others. */
  function captions(scene) {
    const found = [];
    const sides = Object.entries(data.relations);
    for (const [axis, letters] of data.structures) {
      if (axis !== scene.axis) continue;
      const slots = [...letters].map((c) => data.slots[c.charCodeAt(0) - 97]);
      for (const fits of slots.some(([name]) => name === "adverb") ? [true, false] : [true])
        for (const order of [0, 1]) {
          const relation = sides.find(([, [a, o]]) => a === axis && o === order)[0].split(" ")[0];
          const say = ([name, k]) => {
            const thing = k === null ? null : data.things[[scene.first, scene.second][k ^ order]];
            const own = { side: relation, vertical: relation, adverb: data.vocabulary.adverb[fits ? scene.far : 1 - scene.far] };
            own.time = data.vocabulary.time[scene.night];
            own.light = data.vocabulary.light[scene.night];
            return thing ? thing[["noun", "state", "colour"].indexOf(name)] : (own[name] ?? name);
          };
          found.push([slots.length, !fits, slots.map(say).join(" ")]);
        }
    }
    return found.sort((a, b) => a[0] - b[0] || a[1] - b[1]).map((f) => f[2]);
  }

  // ---- exact sums over all scenes ----
  const logPrior = data.nouns_prior.map((plane) => plane.map((row) => row.map(Math.log))); // night, first, second
  const noScores = { things: new Float64Array(8 * THINGS), dark: 0 };
  const logRows = new WeakMap();

  /**
   * From scores {things (8 · 64): log-likelihood ratios of an object at a place, dark: of the night} and readings:
   * {total: log Σ over scenes of p(scene) p(text | scene) exp(scores), weights (8 · 64): P(object at place), night}.
   */
  function posterior(scores, rows, weights = null) {
    if (!logRows.has(rows)) logRows.set(rows, rows.map((row) => row.map(Math.log)));
    const parts = []; // of each reading, layout: its evidence by first noun, second noun
    let most = -Infinity;
    for (const row of logRows.get(rows))
      for (let layout = 0; layout < 4; layout++) {
        if (row[layout] === -Infinity) continue;
        const nouns = new Float64Array(16);
        for (let k = 0; k < 2; k++)
          for (let n = 0; n < 8; n++) {
            const from = (2 * layout + k) * THINGS + 8 * n;
            const allowed = 6 + k * THINGS + 8 * n;
            let high = -Infinity;
            for (let t = 0; t < 8; t++) high = Math.max(high, scores.things[from + t] + row[allowed + t]);
            let sum = 0;
            if (high > -Infinity) for (let t = 0; t < 8; t++) sum += Math.exp(scores.things[from + t] + row[allowed + t] - high);
            nouns[8 * k + n] = high + Math.log(sum / 8);
          }
        const joint = new Float64Array(128);
        for (let dark = 0; dark < 2; dark++) {
          const own = row[layout] + row[4 + dark] + dark * scores.dark - Math.LN2 * 2; // four layouts are alike
          for (let a = 0; a < 8; a++)
            for (let b = 0; b < 8; b++) {
              const value = own + nouns[a] + nouns[8 + b] + logPrior[dark][a][b];
              joint[64 * dark + 8 * a + b] = value;
              if (value > most) most = value;
            }
        }
        parts.push({ row, layout, nouns, joint });
      }
    let sum = 0;
    for (const { joint } of parts) for (let i = 0; i < 128; i++) sum += joint[i] = Math.exp(joint[i] - most);
    const total = most + Math.log(sum);
    if (!weights) return { total };
    weights.fill(0);
    let atNight = 0;
    for (const { row, layout, nouns, joint } of parts) {
      const share = new Float64Array(16);
      for (let i = 0; i < 128; i++) {
        const p = joint[i] / sum;
        share[(i >> 3) & 7] += p;
        share[8 + (i & 7)] += p;
        if (i >= 64) atNight += p;
      }
      for (let k = 0; k < 2; k++)
        for (let n = 0; n < 8; n++) {
          if (!(share[8 * k + n] > 0)) continue;
          const from = (2 * layout + k) * THINGS + 8 * n;
          const allowed = 6 + k * THINGS + 8 * n;
          for (let t = 0; t < 8; t++)
            weights[from + t] += (share[8 * k + n] * Math.exp(scores.things[from + t] + row[allowed + t] - nouns[8 * k + n])) / 8;
        }
    }
    return { total, night: atNight };
  }

  function logText(rows) {
    return rows.length ? posterior(noScores, rows).total : -Infinity;
  }

  /** log p(scene | text): by counting, −∞ for a text that does not fit. */
  function logProb(scene, rows) {
    const layout = 2 * scene.axis + scene.far;
    const at = (row) => row[layout] * row[4 + scene.night] * row[6 + scene.first] * row[6 + THINGS + scene.second];
    const prior = logPrior[scene.night][scene.first >> 3][scene.second >> 3] - Math.log(4 * 64);
    return Math.log(rows.reduce((sum, row) => sum + at(row), 0)) + prior - logText(rows);
  }

  // ---- the channel and the denoiser ----
  const sigmoid = (a) => 1 / (1 + Math.exp(-a));

  /** z (3, 32, 32) at a log-SNR, and all that conditions share: the scores of objects, places and night. */
  function see(z, logsnr) {
    const signal = sigmoid(logsnr);
    const noise = sigmoid(-logsnr);
    const [s, width] = [Math.sqrt(signal), signal * jitter ** 2 + noise];
    const r = z.map((v, i) => v - s * base[i]);
    const scores = { things: new Float64Array(8 * THINGS) };
    const patch = new Float64Array(PATCH);
    const score = (product, norm) => (s * product - (signal * norm) / 2) / width;
    patches.forEach((where, place) => {
      for (let i = 0; i < PATCH; i++) patch[i] = r[where[i]];
      for (let t = 0; t < THINGS; t++) {
        const thing = things[t];
        let product = 0;
        for (let i = 0; i < PATCH; i++) product += patch[i] * thing[i];
        scores.things[place * THINGS + t] = score(product, norms[t]);
      }
    });
    let product = 0;
    for (let i = 0; i < night.length; i++) product += r[skyAt[i]] * night[i];
    scores.dark = score(product, nightNorm);
    return { signal, noise, s, width, r, scores };
  }

  const weights = new Float64Array(8 * THINGS);
  /** What a condition believes to stand on the base, (3, 32, 32) in units of x. */
  function belief(seen, rows, into = new Float64Array(DIM)) {
    into.fill(0);
    const { night: atNight } = posterior(seen.scores, rows, weights);
    for (let place = 0; place < 8; place++) {
      const where = patches[place];
      for (let t = 0; t < THINGS; t++) {
        const weight = weights[place * THINGS + t];
        if (weight < 1e-12) continue;
        const thing = things[t];
        for (let i = 0; i < PATCH; i++) into[where[i]] += weight * thing[i];
      }
    }
    for (let i = 0; i < night.length; i++) into[skyAt[i]] += atNight * night[i];
    return into;
  }
  /** ε̂ from what is believed to stand on the base. */
  const epsHat = (seen, believed) => believed.map((m, i) => (Math.sqrt(seen.noise) * (seen.r[i] - seen.s * m)) / seen.width);
  const denoise = (z, logsnr, rows) => {
    const seen = see(z, logsnr);
    return epsHat(seen, belief(seen, rows));
  };
  const addNoise = (x, logsnr, noise) => x.map((v, i) => Math.sqrt(sigmoid(logsnr)) * v + Math.sqrt(sigmoid(-logsnr)) * noise[i]);

  // ---- random numbers from counters: the same seed gives the same numbers ----
  function random(...key) {
    let state = 0x9e3779b9;
    const mix = (bits) => {
      bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
      bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
      return (bits ^ (bits >>> 16)) >>> 0;
    };
    for (const k of key) state = mix((state + k + 0x6d2b79f5) | 0);
    let [a, b, c, d] = [state, mix(state + 1), mix(state + 2), 1]; // sfc32
    const next = () => {
      const t = (((a + b) | 0) + d) | 0;
      d = (d + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (c << 21) | (c >>> 11);
      c = (c + t) | 0;
      return ((t >>> 0) + 0.5) / 4294967296;
    };
    for (let i = 0; i < 12; i++) next();
    return next;
  }
  function gaussian(...key) {
    const next = random(...key);
    const noise = new Float64Array(DIM);
    for (let i = 0; i < DIM; i += 2) {
      const radius = Math.sqrt(-2 * Math.log(next()));
      const angle = 2 * Math.PI * next();
      noise[i] = radius * Math.cos(angle);
      noise[i + 1] = radius * Math.sin(angle);
    }
    return noise;
  }

  // ---- log-SNRs: a sweep has two draws in each of sixteen bins of equal probability ----
  const { edges, masses } = data.proposal;
  const BINS = 16;
  function place(u) {
    let [cell, below] = [0, 0];
    while (cell < masses.length - 1 && below + masses[cell] <= u) below += masses[cell++];
    const width = edges[cell + 1] - edges[cell];
    return { logsnr: edges[cell] + ((u - below) / masses[cell]) * width, weight: width / masses[cell] };
  }

  /**
   * The questions of a text: names, pairs [y, given] of conditions by number, rows (readings) of the conditions, and the
   * exact nats of each: by counting scenes, and of the density with its jitter, which is finite for texts that do not fit.
   */
  function questions(scene, text) {
    const key = JSON.stringify([scene, text]);
    if (lastAsked.key !== key) lastAsked = { key, found: ask(scene, text) };
    return lastAsked.found;
  }
  let lastAsked = {};
  function ask(scene, text) {
    const rows = [readings("")];
    const known = new Map([["", 0]]);
    const number = (texts, scaled = false) => {
      const key = texts.join(scaled ? "|" : ",");
      if (!known.has(key)) known.set(key, made(texts, scaled));
      return known.get(key);
    };
    const made = (texts, scaled) => {
      const all = texts.map(readings);
      if (!all.length || all.some((r) => !r.length)) return null;
      const peak = (r) => (scaled ? Math.max(...r.map((row) => Math.max(...row.subarray(0, 4)))) : 1);
      rows.push(all.flatMap((r) => r.map((row) => row.map((v, i) => (i < 4 ? v / peak(r) : v)))));
      return rows.length - 1;
    };
    const whole = number([text]);
    const list = [["caption", whole, 0], ["order", whole, number(orders(text))]];
    for (const [i, unit] of units(text).entries()) {
      list.push([`MI ${i}`, number([unit[2]]), 0]);
      list.push([`CMI ${i}`, whole, number([replaced(text, unit, "")])]);
      list.push([`against ${i}`, whole, number(alternatives(text, unit), true)]);
    }
    const asked = list.filter(([, y, given]) => y !== null && given !== null);
    const logs = rows.map((r) => logProb(scene, r));
    const { scores } = see(picture(scene), Infinity);
    const densities = rows.map((r) => posterior(scores, r).total - logText(r));
    const differences = (v) => asked.map(([, y, given]) => v[y] - v[given]);
    return { names: asked.map((a) => a[0]), pairs: asked.map((a) => a.slice(1)), rows, exact: differences(logs), density: differences(densities) };
  }

  /** Estimates that grow sweep by sweep: every question on the same noise, with standard errors as in the package. */
  function estimator(scene, text, seed) {
    const { names, pairs, rows, exact, density } = questions(scene, text);
    const x = picture(scene);
    const beliefs = rows.map(() => new Float64Array(DIM));
    const CELLS = 36; // of the profile
    const low = edges[0];
    const step = (8 - low) / CELLS;
    const fresh = () => ({
      sum: 0, variance: 0, first: 0, map: new Float64Array(PIXELS), spread: new Float64Array(PIXELS), pair: new Float64Array(PIXELS),
      profile: new Float64Array(CELLS), profileSpread: new Float64Array(CELLS),
    });
    const each = () => names.map(() => ({ orthogonal: fresh(), standard: fresh() }));
    const done = each(); // whole sweeps
    const values = new Float64Array(PIXELS);
    let [current, drawn, sweeps, next] = [null, 0, 0, null];

    function integrand(kind, seen, y, given, noise) {
      const factor = Math.sqrt(seen.noise) / seen.width;
      let sum = 0;
      for (let p = 0; p < PIXELS; p++) {
        let value = 0;
        for (let i = p; i < DIM; i += PIXELS) {
          const apart = factor * seen.s * (y[i] - given[i]); // residual of y less that of given
          if (kind === "orthogonal") value += 0.5 * apart * apart;
          else value -= apart * (noise[i] - factor * (seen.r[i] - (seen.s * (y[i] + given[i])) / 2));
        }
        values[p] = value;
        sum += value;
      }
      return sum;
    }

    function draw(u, second, observe) {
      const { logsnr, weight } = place(u);
      const noise = gaussian(seed, 1, 2 * BINS * sweeps + drawn);
      const seen = see(addNoise(x, logsnr, noise), logsnr);
      rows.forEach((r, c) => belief(seen, r, beliefs[c]));
      observe?.(logsnr, weight, noise);
      const cell = Math.floor((logsnr - low) / step);
      pairs.forEach(([y, given], q) => {
        for (const [kind, into] of Object.entries(current[q])) {
          const value = weight * integrand(kind, seen, beliefs[y], beliefs[given], noise);
          into.sum += value;
          if (second) into.variance += (into.first - value) ** 2;
          else into.first = value;
          if (cell < CELLS) {
            into.profile[cell] += value;
            into.profileSpread[cell] += value * value;
          }
          for (let p = 0; p < PIXELS; p++) {
            const weighted = weight * values[p];
            into.map[p] += weighted;
            if (second) into.spread[p] += (into.pair[p] - weighted) ** 2;
            else into.pair[p] = weighted;
          }
        }
      });
    }

    function finish() {
      current.forEach((kinds, q) => {
        for (const [kind, from] of Object.entries(kinds)) {
          const into = done[q][kind];
          for (const name of ["sum", "variance"]) into[name] += from[name];
          for (const name of ["map", "spread", "profile", "profileSpread"]) from[name].forEach((v, i) => (into[name][i] += v));
        }
      });
      [drawn, sweeps] = [0, sweeps + 1];
    }

    return {
      names, exact, density, conditions: rows.length, samples: () => 2 * BINS * sweeps,
      /** One draw of log-SNR and noise, evaluated under every condition; true when it completes a sweep of 32. */
      step(observe) {
        if (drawn === 0) [current, next] = [each(), random(seed, 0, sweeps)];
        draw(((drawn >> 1) + next()) / BINS, drawn % 2 === 1, observe);
        drawn += 1;
        if (drawn === 2 * BINS) finish();
        return drawn === 0;
      },
      /** [nats, standard error] of each question, from whole sweeps. */
      totals(kind) {
        const n = 2 * BINS * sweeps;
        return done.map((q) => [q[kind].sum / n, Math.sqrt(q[kind].variance) / n]);
      },
      /** One question: map, error (32 · 32) in nats, profile, profileError (36) in nats per nat of log-SNR from low by step. */
      view(name, kind) {
        const found = done[names.indexOf(name)]?.[kind];
        if (!found || !sweeps) return null;
        const n = 2 * BINS * sweeps;
        const mean = (sums, by = n) => sums.map((v) => v / by);
        const error = (squares, by = n) => squares.map((v) => Math.sqrt(v) / by);
        const { map, spread, profile, profileSpread } = found;
        return { map: mean(map), error: error(spread), profile: mean(profile, n * step), profileError: error(profileSpread, n * step), low, step };
      },
    };
  }

  /** One noisy picture and, of a question that can be asked, what both conditions believe and both integrands, (32, 32). */
  function look(scene, text, name, logsnr, seed) {
    const { names, pairs, rows } = questions(scene, text);
    const noise = gaussian(seed, 2);
    const z = addNoise(picture(scene), logsnr, noise);
    if (!names.includes(name)) return { noisy: rgba(z), y: null };
    const [y, given] = pairs[names.indexOf(name)];
    const seen = see(z, logsnr);
    const [a, b] = [y, given].map((c) => epsHat(seen, belief(seen, rows[c])));
    const shown = (eps) => rgba(z.map((v, i) => (v - Math.sqrt(seen.noise) * eps[i]) / seen.s));
    const [orthogonal, standard] = [new Float64Array(PIXELS), new Float64Array(PIXELS)];
    for (let i = 0; i < DIM; i++) {
      orthogonal[i % PIXELS] += 0.5 * (a[i] - b[i]) ** 2;
      standard[i % PIXELS] += 0.5 * ((noise[i] - b[i]) ** 2 - (noise[i] - a[i]) ** 2);
    }
    return { noisy: rgba(z), y: shown(a), given: shown(b), orthogonal, standard };
  }

  /** The probability-flow ODE from noise under a condition, by Heun's method on Karras' noise levels; yields each step. */
  function* flow(noise, rows, steps) {
    const [low, high] = data.flow;
    const ends = [low, high].map((a) => Math.exp(-a / 2) ** (1 / 7));
    const sigmas = Array.from({ length: steps + 1 }, (_, i) => (ends[0] + (i / steps) * (ends[1] - ends[0])) ** 7);
    let y = noise.map((v) => v * Math.sqrt(1 + sigmas[0] ** 2));
    const slope = (at, sigma) => denoise(at.map((v) => v / Math.sqrt(1 + sigma ** 2)), -2 * Math.log(sigma), rows);
    for (let i = 0; i < steps; i++) {
      const step = sigmas[i + 1] - sigmas[i];
      const first = slope(y, sigmas[i]);
      const second = slope(y.map((v, j) => v + step * first[j]), sigmas[i + 1]);
      y = y.map((v, j) => v + (step * (first[j] + second[j])) / 2);
      yield { y, sigma: sigmas[i + 1], step: i + 1 };
    }
  }

  return {
    picture, rgba, readings, possible, units, replaced, alternatives, wordings, orders, captions, logProb, gaussian, questions,
    estimator, look, flow,
  };
}
