// Sound to features, as zoo/preprocessing/signals.py has it.

export async function decode(buffer, rate) {
  const context = new OfflineAudioContext(1, 1, rate); // decodes to its own rate
  const audio = await context.decodeAudioData(buffer);
  const samples = new Float32Array(audio.length);
  for (let c = 0; c < audio.numberOfChannels; c++) {
    audio.getChannelData(c).forEach((x, i) => (samples[i] += x / audio.numberOfChannels));
  }
  return samples;
}

export function features(samples, front) {
  const largest = Math.max(samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0), 1e-12);
  const loud = samples.map((x) => x / largest);
  return front.kind === "log_mel" ? logMel(loud, front) : frames(loud, front);
}

function frames(samples, { frame, mu }) {
  const steps = Math.ceil(samples.length / frame);
  const data = new Float32Array(steps * frame);
  samples.forEach((x, i) => (data[i] = mu ? (Math.sign(x) * Math.log1p(mu * Math.abs(x))) / Math.log1p(mu) : x));
  return { data, steps, size: frame };
}

function logMel(samples, { rate, mean, scale }) {
  const [window, hop, bands] = [Math.floor(rate / 40), Math.floor(rate / 100), mean.length];
  const size = 2 ** Math.ceil(Math.log2(2 * window));
  const steps = 1 + Math.max(0, Math.ceil((samples.length - window) / hop));
  const filters = melFilters(rate, bands, size);
  const data = new Float32Array(steps * bands);
  for (let t = 0; t < steps; t++) {
    const [real, imaginary] = [new Float64Array(size), new Float64Array(size)];
    for (let i = 0; i < window; i++) {
      real[i] = (samples[t * hop + i] || 0) * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / (window - 1)));
    }
    transform(real, imaginary);
    for (let b = 0; b < bands; b++) {
      let energy = 0;
      for (const [k, weight] of filters[b]) energy += weight * (real[k] ** 2 + imaginary[k] ** 2);
      data[t * bands + b] = (Math.log(Math.max(energy, 1e-5)) - mean[b]) / scale[b];
    }
  }
  return { data, steps, size: bands };
}

function melFilters(rate, bands, size) {
  const highest = 2595 * Math.log10(1 + rate / 2 / 700);
  const corners = Array.from({ length: bands + 2 }, (_, i) => 700 * (10 ** ((highest * i) / (bands + 1) / 2595) - 1));
  return Array.from({ length: bands }, (_, b) => {
    const [below, centre, above] = corners.slice(b, b + 3);
    const filter = [];
    for (let k = 0; k <= size / 2; k++) {
      const frequency = (k * rate) / size;
      const weight = Math.min((frequency - below) / (centre - below), (above - frequency) / (above - centre));
      if (weight > 0) filter.push([k, weight]);
    }
    return filter;
  });
}

// In place, radix 2 (Cooley & Tukey 1965).
function transform(real, imaginary) {
  const size = real.length;
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [real[i], real[j]] = [real[j], real[i]];
      [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
    }
  }
  for (let length = 2; length <= size; length <<= 1) {
    const angle = (-2 * Math.PI) / length;
    for (let start = 0; start < size; start += length) {
      for (let k = 0; k < length / 2; k++) {
        const [c, s] = [Math.cos(angle * k), Math.sin(angle * k)];
        const [a, b] = [start + k, start + k + length / 2];
        const [x, y] = [real[b] * c - imaginary[b] * s, real[b] * s + imaginary[b] * c];
        [real[b], imaginary[b]] = [real[a] - x, imaginary[a] - y];
        [real[a], imaginary[a]] = [real[a] + x, imaginary[a] + y];
      }
    }
  }
}
