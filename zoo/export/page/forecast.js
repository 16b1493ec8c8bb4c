// Forecasts of one series, as in zoo/preprocessing/patches.py, zoo/inference/forecasting.py and bands.py.
import { at, candidatesOf, clip, fill, inferPeriod, lagDifferences, orZero, sum, windowMean } from "./series.js";

const [PATCH, CHUNK, BLOCK, ORIGINS, QUANTILES, MAX_AHEAD] = [16, 16, 256, 12, 9, 512];
const MAX_HORIZON = 10_000;
const LAGS = [1, 2, 4, 8, 16, 32, 64];
const range = (length, of = (i) => i) => Array.from({ length }, (_, i) => of(i));

// A series from text: a number per line, an empty line for a gap; or numbers in one line.
export function readSeries(text) {
  const trimmed = text.replace(/^\s+|\s+$/g, "");
  const cells = trimmed.includes("\n") ? trimmed.split("\n") : trimmed.split(/[\s,;]+/);
  const values = cells.map((cell, i) => {
    const value = /^\s*(nan|na)?\s*$/i.test(cell) ? NaN : Number(cell);
    if (Number.isNaN(value) && !/^\s*(nan|na)?\s*$/i.test(cell)) throw new Error(`value ${i + 1}: ${cell.trim()}: give a number`);
    if (Math.abs(value) > 1e30) throw new Error(`value ${i + 1}: ${cell.trim()}: give finite numbers up to 1e30`);
    return value;
  });
  const first = values.findIndex(Number.isFinite);
  if (first < 0) throw new Error("a series without a value: give at least one number");
  return values.slice(first);
}

function logRatio(a, b) {
  return Number.isFinite(a) && Number.isFinite(b) && b > 0 ? clip(Math.log(Math.max(a / b, 1e-3)), -5, 5) : 0;
}

// The features of every patch, and its scale.
function describe(rows, origin) {
  const { x, known, start, period } = rows;
  const patches = x.length / PATCH;
  const ends = range(patches, (i) => (i + 1) * PATCH - 1);
  const width = Math.max(4 * period, 64);
  const sizes = [...LAGS, period, 2 * period].map((lag) => {
    const { values, real } = lagDifferences(rows, lag);
    return windowMean(values.map(Math.abs), real);
  });
  const started = x.map((_, t) => t >= start);
  const meanOf = windowMean(x, known);
  const givenOf = windowMean(known.map(Number), started);
  const edges = [[], []];
  let [low, high] = [Infinity, -Infinity];
  x.forEach((v, t) => {
    if (known[t]) [low, high] = [Math.min(low, v), Math.max(high, v)];
    if (t % PATCH === PATCH - 1) [low, high].forEach((edge, i) => edges[i].push(Number.isFinite(edge) ? edge : v));
  });
  const mean = ends.map((end) => meanOf(end, x.length));
  const centred = ends.map((end, i) => (Number.isFinite(mean[i]) ? mean[i] : x[end]));
  const atLowOf = windowMean(x.map((v, t) => Number(v <= edges[0][Math.floor(t / PATCH)])), known);
  const spreadOf = windowMean(x.map((v, t) => (v - centred[Math.floor(t / PATCH)]) ** 2), known);
  const patchMean = ends.map((end) => {
    const found = meanOf(end, PATCH);
    return Number.isFinite(found) ? found : x[end];
  });
  const change = lagDifferences(rows, period).values;
  const scales = [];
  const features = ends.map((end, i) => {
    const lags = sizes.map((size) => size(end, width));
    const [step, seasonal] = [lags[0], lags[LAGS.length]];
    const both = [step, seasonal].filter((v) => !Number.isNaN(v));
    const floor = both.length ? 1e-3 * Math.max(...both) : 0;
    const isVaried = orZero(step) > 1e-9 * Math.abs(orZero(mean[i]) + origin);
    const scale = isVaried && both.length ? Math.max(Math.min(...both), floor) : 0;
    scales.push(scale);
    const unit = scale > 0 ? scale : 1;
    const last = x[end];
    const observed = Math.max(end + 1 - start, 0);
    const before = observed > PATCH ? patchMean[Math.max(i - 1, 0)] : patchMean[i];
    const moves = [patchMean[i], before, centred[i], edges[0][i], edges[1][i]];
    const statistics = [
      Math.log1p(observed) - 4,
      Math.log1p(observed / period) - 2,
      Math.log(period) - 2,
      Number(period === 1),
      ...lags.map((size) => logRatio(size, unit)),
      ...[sizes[0], sizes[LAGS.length]].map((size) => logRatio(size(end, 16), unit)),
      logRatio(Math.sqrt(orZero(spreadOf(end, width))), unit),
      ...moves.map((move) => Math.asinh((move - last) / unit)),
      orZero(atLowOf(end, 64)),
      orZero(givenOf(end, 64)),
      logRatio(scale > 0 ? scale : NaN, scales[Math.max(i - 1, 0)]),
      Math.asinh((before - patchMean[i]) / unit),
      Number(scale === 0),
      Number(period > observed),
    ];
    const times = range(PATCH, (k) => end - PATCH + 1 + k);
    const real = times.map((t) => started[t] && known[t]);
    return [
      ...times.map((t, k) => (real[k] ? Math.asinh((x[t] - last) / unit) : 0)),
      ...real.map(Number),
      ...times.map((t) => Math.asinh(change[t] / unit)),
      ...statistics,
    ];
  });
  return { features, scales };
}

// The model's inputs for some patches, each with steps ahead; and how to read the outputs.
export function encode(values, period, positions, steps) {
  const filled = fill(values, period);
  const origin = filled.x.at(-1);
  const rows = { ...filled, x: filled.x.map((v) => v - origin) };
  const { features, scales } = describe(rows, origin);
  const candidates = candidatesOf(rows, origin);
  const inputs = positions.map((patch, p) => {
    const end = patch * PATCH + PATCH - 1;
    const [anchor, unit] = [rows.x[end], scales[patch] > 0 ? scales[patch] : 1];
    const history = Math.max(end + 1 - rows.start, 1);
    return candidates(end, steps[p]).map((simple, i) => {
      const step = steps[p][i];
      const seen = Math.min(step, MAX_AHEAD);
      const ofStep = [
        Math.log(seen) - 2,
        Math.asinh(seen / period) - 1,
        Math.min(seen / history, 4),
        ((step - 1) % period) / period,
      ];
      return [...simple.map((v) => (v - anchor) / unit), ...ofStep].map((v) => clip(v, -1e6, 1e6));
    });
  });
  const empty = Math.min(Math.floor(rows.start / PATCH), features.length - 1);
  const shifted = features.map((row, i) => features[i + empty] ?? row.map(() => 0));
  return {
    features: shifted,
    positions: positions.map((patch) => Math.max(patch - empty, 0)),
    steps: inputs,
    anchor: positions.map((patch) => rows.x[patch * PATCH + PATCH - 1] + origin),
    scale: positions.map((patch) => scales[patch]),
  };
}

// By how much to widen the bands, so that four fifths of the known values would have been inside.
function factorOf(distances) {
  const ratios = distances.flat().filter(({ distance, quantiles }) => (
    Number.isFinite(distance) && quantiles[distance > quantiles[4] ? 8 : 0] !== quantiles[4]
  )).map(({ distance, quantiles }) => {
    const error = distance - quantiles[4];
    return Math.abs(error / (quantiles[error > 0 ? 8 : 0] - quantiles[4]));
  }).sort((a, b) => a - b);
  if (!ratios.length) return 1;
  const count = ratios.length / CHUNK;
  const place = range(ratios.length).find((i) => (i + 1) / CHUNK >= 0.8 * count - 1e-12);
  return clip(Math.exp((Math.log(clip(ratios[place], 1e-3, 1e3)) * count) / (count + 4)), 0.3, 3);
}

// The quantiles 0.1 to 0.9 of the next values, a row per step. ``run`` maps the encoded inputs to the model's outputs.
export async function forecast(run, series, horizon, context) {
  if (!Number.isInteger(horizon) || horizon < 1 || horizon > MAX_HORIZON) {
    throw new Error(`${horizon} steps ahead: give 1 to ${MAX_HORIZON}`);
  }
  const kept = series.slice(-context);
  const known = kept.filter(Number.isFinite);
  if (Math.min(...known) === Math.max(...known)) return range(horizon, () => Array(QUANTILES).fill(known[0]));
  const period = inferPeriod(kept);
  const needed = Math.ceil(kept.length / PATCH);
  const patches = [4, 16, 64].find((edge) => edge >= needed) ?? needed;
  const values = [...Array(patches * PATCH - kept.length).fill(NaN), ...kept];
  const last = patches - 1;
  const earlier = range(Math.min(ORIGINS, last), (i) => last - 1 - i);
  const checked = range(CHUNK, (i) => Math.round(1 + (i * (Math.min(horizon, BLOCK) - 1)) / (CHUNK - 1)));
  const found = [];
  let factor = 1;
  for (let start = 0; start < horizon; start += BLOCK) {
    const chunks = Math.ceil(Math.min(BLOCK, horizon - start) / CHUNK);
    const steps = range(chunks, (c) => range(CHUNK, (i) => start + c * CHUNK + i + 1));
    const places = Array(chunks).fill(last);
    if (!start) {
      steps.push(...earlier.map(() => checked));
      places.push(...earlier);
    }
    const encoded = encode(values, period, places, steps);
    const flat = Array.from(await run(encoded));
    const row = (p, i) => flat.slice((p * CHUNK + i) * QUANTILES, (p * CHUNK + i + 1) * QUANTILES);
    if (!start) {
      factor = factorOf(earlier.map((patch, j) => checked.map((step, i) => {
        const [p, end] = [chunks + j, patch * PATCH + PATCH - 1];
        const isLong = sum(values.slice(0, end + 1).map((v) => Number(Number.isFinite(v)))) >= PATCH;
        const actual = isLong && end + step < values.length ? values[end + step] : NaN;
        const scale = encoded.scale[p];
        return { distance: scale > 0 ? (actual - encoded.anchor[p]) / scale : NaN, quantiles: row(p, i) };
      })));
    }
    for (let c = 0; c < chunks; c++) {
      for (let i = 0; i < CHUNK && found.length < horizon; i++) {
        const quantiles = row(c, i).map((q, _, all) => encoded.anchor[0] + encoded.scale[0] * (all[4] + (q - all[4]) * factor));
        found.push(quantiles.map((_, k) => Math.max(...quantiles.slice(0, k + 1))));
      }
    }
  }
  return found;
}
