// Sessions of exported graphs, and what each task makes of their outputs.
import * as ort from "./ort.wasm.min.mjs";

ort.env.wasm.numThreads = 1; // more need headers that a plain static server does not send
ort.env.wasm.wasmPaths = new URL("./", import.meta.url).href;

const sessions = new Map();

export async function session(model, file) {
  const path = `models/${model.name}/${file}.onnx`;
  if (!sessions.has(path)) sessions.set(path, ort.InferenceSession.create(path, { logSeverityLevel: 3 }));
  return sessions.get(path);
}

export const ints = (values, shape) => new ort.Tensor("int32", Int32Array.from(values), shape);
export const floats = (values, shape) => new ort.Tensor("float32", Float32Array.from(values), shape);
export const flags = (values, shape) => new ort.Tensor("bool", Uint8Array.from(values), shape);

export function softmax(values) {
  const highest = Math.max(...values);
  const shares = Array.from(values, (x) => Math.exp(x - highest));
  const total = shares.reduce((sum, x) => sum + x, 0);
  return shares.map((x) => x / total);
}

export function ranked(values) {
  return Array.from(values.keys()).sort((a, b) => values[b] - values[a] || a - b);
}

const [PAD, START, END, WORST] = [0, 1, 2, -1e9];

// Beam search, one session call for all hypotheses; returns the best ids and the rows of its alignment.
export async function beamSearch(model, source, length, width = 5) {
  const [encoder, decoder] = [await session(model, "encoder"), await session(model, "decoder_step")];
  const shape = [1, source.length];
  const encoded = await encoder.run({ source: ints(source, shape), source_mask: flags(source.map(() => 1), shape) });
  const fixed = {};
  let state = {};
  for (const name of decoder.inputNames) {
    if (name.startsWith("memory/")) fixed[name] = rows(encoded[name], Array(width).fill(0));
    if (name.startsWith("state/")) state[name] = rows(encoded[name], Array(width).fill(0));
  }
  let beams = Array.from({ length: width }, (_, i) => ({ ids: [], weights: [], score: i ? WORST : 0, done: false }));
  for (let t = 0; t < length && !beams.every((beam) => beam.done); t++) {
    const target = ints(beams.map((beam) => (t ? beam.ids.at(-1) : START)), [width]);
    const outputs = await decoder.run({ target, ...fixed, ...state });
    const [logits, alignment] = [outputs.logits.data, outputs.alignment.data];
    const symbols = logits.length / width;
    const found = [];
    beams.forEach((beam, parent) => {
      const row = Array.from(logits.slice(parent * symbols, (parent + 1) * symbols));
      row[PAD] = row[START] = WORST;
      const highest = Math.max(...row);
      const total = Math.log(row.reduce((sum, x) => sum + Math.exp(x - highest), 0));
      row.forEach((x, symbol) => {
        const likely = beam.done ? (symbol === PAD ? 0 : WORST) : x - highest - total;
        found.push({ parent, symbol, score: beam.score + likely });
      });
    });
    found.sort((a, b) => b.score - a.score || a.parent - b.parent || a.symbol - b.symbol);
    const kept = found.slice(0, width);
    beams = kept.map(({ parent, symbol, score }) => {
      const before = beams[parent];
      const weights = Array.from(alignment.slice(parent * source.length, (parent + 1) * source.length));
      return {
        ids: [...before.ids, symbol],
        weights: before.done ? before.weights : [...before.weights, weights],
        score,
        done: before.done || symbol === END,
      };
    });
    const parents = kept.map(({ parent }) => parent);
    state = Object.fromEntries(Object.keys(state).map((name) => [name, rows(outputs[name.replace("state/", "next/")], parents)]));
  }
  const mean = (beam) => beam.score / Math.max(1, beam.ids.filter((id) => id !== PAD).length);
  const best = beams.reduce((one, other) => (mean(other) > mean(one) ? other : one));
  return { ids: best.ids.filter((id) => id > END), weights: best.weights };
}

// Some rows of a tensor, the batch first.
function rows(tensor, chosen) {
  const size = tensor.data.length / tensor.dims[0];
  const data = new tensor.data.constructor(size * chosen.length);
  chosen.forEach((row, i) => data.set(tensor.data.subarray(row * size, (row + 1) * size), i * size));
  return new ort.Tensor(tensor.type, data, [chosen.length, ...tensor.dims.slice(1)]);
}

// A row of input that goes on and on, its state kept here.
export class Stream {
  constructor(model) {
    this.model = model;
    this.state = {};
    for (const { input, shape, dtype } of model.states) {
      const size = shape.reduce((product, x) => product * x, 1);
      const Kind = { float32: Float32Array, int64: BigInt64Array, bool: Uint8Array }[dtype];
      this.state[input] = new ort.Tensor(dtype, new Kind(size), [1, ...shape]);
    }
  }

  async step(inputs) {
    const run = await session(this.model, "step");
    const outputs = await run.run({ ...inputs, ...this.state });
    for (const name of Object.keys(this.state)) this.state[name] = outputs[name.replace("state/", "next/")];
    return outputs.logits.data;
  }
}
