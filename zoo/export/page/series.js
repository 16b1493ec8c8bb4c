// The period of a series and simple forecasts from it, as in zoo/preprocessing: periods, candidates, smoothing.
const [MAX_PERIOD, COMMON] = [366, [4, 5, 7, 12, 24, 48, 52, 96, 168, 365]];
const LONGER = { 7: 364, 24: 168, 48: 336, 96: 672 };
const SEASONS = [0.4, 0.3, 0.2, 0.1];
const [TAPS, RECENT, DAMPING, FADING] = [64, 16, 0.9, 0.95];
const LEVEL = Array.from({ length: RECENT }, (_, k) => 0.3 * 0.7 ** k);
const CHANGE = Array.from({ length: RECENT }, (_, k) => 0.25 * 0.75 ** k);
const LEVELS = [[0.05, 0], [0.1, 0], [0.2, 0], [0.4, 0], [0.7, 0], [1, 0]];
const TRENDS = [[0.2, 0.05], [0.5, 0.05], [0.9, 0.05], [0.5, 0.25], [0.9, 0.25]];

export const clip = (x, low, high) => Math.min(Math.max(x, low), high);
export const sum = (values) => values.reduce((total, x) => total + x, 0);
export const orZero = (x) => (Number.isNaN(x) ? 0 : x);
export const at = (values, index) => values[Math.max(index, 0)];
const modulo = (a, b) => ((a % b) + b) % b;

// The period with the highest autocorrelation, or 1.
export function inferPeriod(values) {
  const n = values.length;
  const known = [...values.keys()].filter((t) => Number.isFinite(values[t]));
  if (known.length < 8) return 1;
  let next = 0;
  let x = values.map((_, t) => {
    while (next < known.length && known[next] < t) next++;
    const [a, b] = [known[Math.max(next - 1, 0)], known[Math.min(next, known.length - 1)]];
    return t <= a || a === b ? values[t <= a ? a : b] : values[a] + ((values[b] - values[a]) * (t - a)) / (b - a);
  });
  const [middle, mean] = [(n - 1) / 2, sum(x) / n];
  const slope = sum(x.map((v, t) => (t - middle) * (v - mean))) / sum(x.map((_, t) => (t - middle) ** 2));
  x = x.map((v, t) => v - mean - slope * (t - middle));
  const lags = Math.min(MAX_PERIOD, Math.floor(n / 2));
  let correlation = Array.from({ length: Math.min(lags + 2, n) }, (_, k) => {
    let total = 0;
    for (let t = 0; t + k < n; t++) total += x[t] * x[t + k];
    return total / (n - k);
  });
  const power = correlation[0];
  if (!(power > 0)) return 1;
  correlation = correlation.map((c) => c / power);
  const isPeak = (k) => correlation[k] > correlation[k - 1] && correlation[k] >= correlation[k + 1];
  const peaks = [...correlation.keys()].slice(2, -1).filter(isPeak);
  const height = peaks.map((k) => correlation[k] + (COMMON.includes(k) ? 0.03 : 0));
  const highest = Math.max(...height);
  if (!(highest > 0)) return 1;
  // Multiples of a period correlate nearly as well: take the first of the high ones.
  const period = peaks[height.findIndex((h) => h >= 0.9 * highest)];
  return correlation[period] > Math.max(0.2, 2 / Math.sqrt(n)) ? period : 1;
}

// A series without gaps: a gap has the value one period before, or else the last value.
export function fill(values, period) {
  const known = values.map(Number.isFinite);
  const start = known.indexOf(true);
  const x = Array.from(values);
  for (let t = start; t < x.length; t++) if (!known[t]) x[t] = x[t - period >= start ? t - period : t - 1];
  return { x: x.fill(x[start], 0, start), known, start, period };
}

export function lagDifferences({ x, known, start }, lag) {
  const real = x.map((_, t) => t - lag >= start && known[t] && known[t - lag]);
  return { values: x.map((v, t) => (real[t] ? v - x[t - lag] : 0)), real };
}

// A function of an end and a width: the mean of the real values up to the end; NaN if there is none.
export function windowMean(values, real) {
  const [total, count] = [[0], [0]];
  values.forEach((v, t) => {
    total.push(total[t] + (real[t] ? v : 0));
    count.push(count[t] + (real[t] ? 1 : 0));
  });
  return (end, width) => {
    const first = Math.max(end + 1 - width, 0);
    const many = count[end + 1] - count[first];
    return many > 0 ? (total[end + 1] - total[first]) / many : NaN;
  };
}

// A function of an end and an index: the season as known at the end.
function seasonOf({ x, known, start }, period, memory) {
  const [time, half] = [x.length, Math.floor(period / 2)];
  const mean = windowMean(x, x.map(() => true));
  const [sums, counts] = [Array(time + 1).fill(0), Array(time + 1).fill(0)];
  for (let t = 0; t < time && period > 1; t++) {
    const [first, last] = [t - half, t + period - 1 - half];
    const real = first >= start && last < time && known[t];
    const before = t + 1 - Math.min(period, time);
    sums[t + 1] = (real ? x[t] - mean(last, period) : 0) + (before > 0 ? memory * sums[before] : 0);
    counts[t + 1] = (real ? 1 : 0) + (before > 0 ? memory * counts[before] : 0);
  }
  return (end, index) => {
    const newest = end - (period - 1 - half);
    const place = Math.max(newest - modulo(newest - index, period), -1) + 1;
    return counts[place] >= 1.5 ? sums[place] / Math.max(counts[place], 1) : 0;
  };
}

// Forecasts by level, by level and half of the trend, and by a damped trend, each with the season.
function smoothedForecasts({ x, known, start }, season, end, steps) {
  const index = Array.from({ length: TAPS }, (_, k) => end - TAPS + 1 + k);
  const real = index.map((i) => i >= start && at(known, i));
  const past = index.map((i) => at(x, i) - season(end, i));
  const count = real.filter(Boolean).length;
  const limit = clip(Math.floor(Math.max(count, 1) / 8), 1, 4);
  const early = past.filter((_, k) => real[k]).slice(0, limit);
  const smooth = (rates) => rates.map(([alpha, beta]) => {
    let [level, trend, errors] = [sum(early) / Math.max(early.length, 1), 0, 0];
    past.forEach((value, k) => {
      trend *= beta > 0 ? DAMPING : 0;
      level += trend;
      const error = real[k] ? value - level : 0;
      level += alpha * error;
      trend += alpha * beta * error;
      errors = errors * FADING + Math.abs(error);
    });
    return { level, trend, errors };
  }).reduce((best, one) => (one.errors < best.errors ? one : best));
  const [plain, damped] = [smooth(LEVELS), smooth(TRENDS)];
  const middle = sum(real.map((r, k) => (r ? k : 0))) / Math.max(count, 1);
  const square = sum(real.map((r, k) => (r ? (k - middle) ** 2 : 0)));
  const slope = count >= 3 ? sum(past.map((v, k) => (real[k] ? (k - middle) * v : 0))) / Math.max(square, 1) : 0;
  const ahead = steps.map((step) => season(end, end + step));
  const level = ahead.map((a) => plain.level + a);
  return [
    level,
    level.map((v, i) => v + 0.5 * slope * Math.min(steps[i], 1 + count)),
    ahead.map((a, i) => damped.level + (damped.trend * DAMPING * (1 - DAMPING ** steps[i])) / (1 - DAMPING) + a),
  ];
}

// A function of an end and steps: 20 simple forecasts of each step.
export function candidatesOf(rows, origin) {
  const { x, known, start, period } = rows;
  const longer = LONGER[period] ?? period;
  const values = x.map((v) => v + origin);
  const logs = { ...rows, x: values.map((v) => Math.log(v > 0 ? v : 1)) };
  const [mean, recent, second] = [seasonOf(rows, period, 1), seasonOf(rows, period, 0.7), seasonOf(rows, longer, 0.8)];
  const logSeason = seasonOf(logs, period, 0.7);
  const [change, moves] = [lagDifferences(rows, period), lagDifferences(rows, 1)];
  const [meanOf, changeOf] = [windowMean(x, known), windowMean(change.values, change.real)];
  const sizeOf = windowMean(moves.values.map(Math.abs), moves.real);
  const edge = (better) => {
    let best;
    return values.map((v, t) => {
      if (known[t]) best = best === undefined ? v : better(best, v);
      return best;
    });
  };
  const [low, high] = [edge(Math.min), edge(Math.max)];

  const weighted = (weights, index, share, read) => {
    const shares = weights.map((w, k) => (share(index - k) ? w : 0));
    const total = sum(shares);
    return total > 0 ? sum(shares.map((s, k) => (s ? s * read(index - k) : 0))) / total : NaN;
  };
  const isReal = (i) => i >= start && at(known, i);
  const seasonalMean = (index, fallback) => {
    const shares = SEASONS.map((w, k) => (index - k * period >= start ? w : 0));
    const total = sum(shares);
    return total > 0 ? sum(shares.map((s, k) => s * at(x, index - k * period))) / total : fallback;
  };

  return (end, steps) => {
    const last = at(x, end);
    const season = steps.map((step) => Math.floor((step - 1) / period) + 1);
    const index = steps.map((step, i) => end + step - season[i] * period);
    const naive = index.map((i) => (i >= start ? at(x, i) : last));
    const level = weighted(LEVEL, end, isReal, (i) => at(x, i));
    const lately = meanOf(end, Math.max(period, 4));
    const isChange = (i) => i >= start && at(change.real, i);
    const shift = orZero(weighted(CHANGE, end, isChange, (i) => at(change.values, i)));
    const drift = orZero(changeOf(end, Math.max(period, 8)));
    const seasonal = index.map((i) => seasonalMean(i, last));
    let [offset, share] = [0, 0];
    CHANGE.forEach((w, k) => {
      if (end - k - period < start || !at(known, end - k)) return;
      offset += w * (at(x, end - k) - seasonalMean(end - k - period, at(x, end - k)));
      share += w;
    });
    offset /= Math.max(share, 1e-9);
    const history = Math.max(end - start, 0);
    const full = Math.floor(Math.min(Math.max(2 * period, 16), history) / period) * period;
    const span = full > 0 ? full : history;
    const slope = span > 0 ? (last - at(x, end - span)) / span : 0;
    const middle = Number.isNaN(lately) ? last : lately;
    const [size, before] = [0, period].map((back) => orZero(sizeOf(Math.max(end - back, 0), period)));
    const ratio = history >= 2 * period && before > 0 ? clip(size / before, 0.5, 2) : 1;
    const naiveLonger = steps.map((step, i) => {
      const place = end + step - (Math.floor((step - 1) / longer) + 1) * longer;
      return place >= start ? at(x, place) : naive[i];
    });
    const wide = (value) => steps.map(() => value);
    const [least, most] = [at(low, end), at(high, end)];
    const inLogs = smoothedForecasts(logs, logSeason, end, steps).slice(1).map((one) => one.map((v) => (
      least > 0 ? Math.exp(clip(v, Math.log(least) - 1, Math.log(most) + 1)) - origin : NaN)));
    const found = [
      wide(last),
      wide(level),
      wide(meanOf(end, x.length)),
      wide(lately),
      naive,
      seasonal,
      naive.map((v) => v + shift),
      naive.map((v, i) => v + Math.min(season[i], 4) * drift),
      naive.map((v) => v + drift + (v - middle) * (ratio - 1)),
      seasonal.map((v) => v + offset),
      steps.map((step) => last + Math.min(step, 1 + history) * slope),
      naiveLonger,
      ...smoothedForecasts(rows, mean, end, steps).slice(0, 2),
      ...smoothedForecasts(rows, recent, end, steps),
      ...smoothedForecasts(rows, second, end, steps).slice(0, 1),
      ...inLogs,
    ];
    return steps.map((_, i) => found.map((one) => (Number.isFinite(one[i]) ? one[i] : last)));
  };
}
