// One section per task; the models of a task answer side by side.
import { forecast, readSeries } from "./forecast.js";
import { Stream, beamSearch, flags, floats, ints, ranked, session, softmax } from "./run.js";
import { decode, features } from "./sound.js";
import { Subwords, cut, sentences, symbolIds, symbols } from "./text.js";

const [KEYS, LOWEST] = [88, 21]; // of a piano
const make = (tag, text = "", className = "") => Object.assign(document.createElement(tag), { textContent: text, className });

function bars(labels, likely) {
  return ranked(likely).slice(0, 6).map((i) => {
    const row = make("div", "", "bar");
    const bar = make("i");
    bar.style.width = `${Math.round(10 * likely[i])}rem`;
    row.append(make("span", labels[i]), bar, make("span", likely[i].toFixed(3)));
    return row;
  });
}

function table(read, written, weights) {
  const map = make("table", "", "map");
  const head = make("tr");
  head.append(make("th"), ...read.map((symbol) => make("th", symbol)));
  map.append(head);
  weights.forEach((row, t) => {
    const line = make("tr");
    line.append(make("th", written[t] ?? "."), ...row.map((weight) => {
      const cell = make("td");
      cell.style.background = `rgba(11, 110, 153, ${weight})`;
      cell.title = weight.toFixed(2);
      return cell;
    }));
    map.append(line);
  });
  const scroll = make("div", "", "scroll");
  scroll.append(map);
  return scroll;
}

// The end of a series, the median of its forecast, and the band from 10 to 90 %.
function chart(series, quantiles) {
  const shown = series.slice(-Math.max(48, 3 * quantiles.length));
  const values = [...shown.filter(Number.isFinite), ...quantiles.flat()];
  const [low, high, steps] = [Math.min(...values), Math.max(...values), shown.length + quantiles.length];
  const point = (v, t) => `${((640 * t) / steps).toFixed(1)},${(190 - (180 * (v - low)) / (high - low || 1)).toFixed(1)}`;
  const line = (rows, t = 0) => rows.map((v, i) => (Number.isFinite(v) ? point(v, t + i) : "")).filter(Boolean).join(" ");
  const column = (k) => quantiles.map((row) => row[k]);
  const band = [...column(0).map((v, i) => point(v, shown.length + i)), ...column(8).map((v, i) => point(v, shown.length + i)).reverse()];
  const box = make("div");
  box.innerHTML = `<svg class="chart" viewBox="0 0 640 200"><polygon points="${band.join(" ")}"/>`
    + `<polyline points="${line(shown)}"/><polyline class="ahead" points="${line(column(4), shown.length)}"/></svg>`;
  const edges = `from ${low.toPrecision(4)} to ${high.toPrecision(4)}; the band has 10 to 90 %`;
  box.append(make("div", edges, "time"));
  return box;
}

const whole = (ids) => ({ tokens: ints(ids, [1, ids.length]), mask: flags(ids.map(() => 1), [1, ids.length]) });

const ANSWERS = {
  async sequence_to_sequence(model, text, column) {
    const { source, target, max_target } = model.preprocessor;
    const { ids, weights } = await beamSearch(model, [...symbolIds(source, text), 2], max_target + 1);
    const written = ids.map((id) => target.symbols[id - 3]);
    column.answer.textContent = written.join(target.separator);
    column.more.replaceChildren(table([...symbols(source, text), "."], written, weights));
  },
  async classification(model, text, column) {
    const state = model.preprocessor;
    const subwords = new Subwords(state.tokenizer);
    const run = await session(model, "model");
    const parts = state.sentences ? sentences(subwords, state, text) : [cut(subwords.encode(text), state.max_length)];
    if (!parts.length || !parts[0].length) throw new Error("no word to read: give a text");
    const longest = Math.max(...parts.map((part) => part.length));
    const padded = parts.flatMap((part) => [...part, ...Array(longest - part.length).fill(0)]);
    const shape = state.sentences ? [1, parts.length, longest] : [1, longest];
    const outputs = await run.run({ tokens: ints(padded, shape), mask: flags(padded.map((id) => id > 0), shape) });
    const likely = softmax(outputs.logits.data);
    column.answer.textContent = state.labels[ranked(likely)[0]];
    column.more.replaceChildren(...bars(state.labels, likely));
    if (!outputs.word_weights) return;
    const shown = make("p");
    parts.forEach((part, i) => part.forEach((id, j) => {
      const word = make("span", subwords.names[id].replace("</w>", " "), "word");
      const weight = outputs.word_weights.data[i * longest + j] * part.length * outputs.sentence_weights.data[i];
      word.style.background = `rgba(11, 110, 153, ${Math.min(1, weight / 2)})`;
      shown.append(word);
    }));
    column.more.append(shown);
  },
  async forecasting(model, text, column, { horizon }) {
    const run = await session(model, "model");
    const compute = async ({ features, positions, steps }) => {
      const outputs = await run.run({
        features: floats(features.flat(), [1, features.length, features[0].length]),
        positions: ints(positions, [1, positions.length]),
        steps: floats(steps.flat(2), [1, steps.length, steps[0].length, steps[0][0].length]),
      });
      return outputs[run.outputNames[0]].data;
    };
    const series = readSeries(text);
    const quantiles = await forecast(compute, series, horizon, model.preprocessor.context);
    column.answer.textContent = quantiles.map((row) => Number(row[4].toPrecision(5))).join(", ");
    column.more.replaceChildren(chart(series, quantiles));
  },
  async tagging(model, text, column) {
    const { tokenizer, tags, labels } = model.preprocessor;
    const subwords = new Subwords(tokenizer);
    const words = text.trim().split(/\s+/).filter(Boolean);
    if (!words.length) throw new Error("the sentence is empty: give at least one word");
    const ids = [];
    const first = words.map((word) => {
      const place = ids.length;
      ids.push(...subwords.encode(word));
      if (ids.length === place) ids.push(1);
      return place;
    });
    const run = await session(model, "model");
    const outputs = await run.run({ ...whole(ids), first: ints(first, [1, first.length]) });
    const path = viterbi(outputs.tags.data, tags);
    const label = outputs.label ? `\t${labels[ranked(outputs.label.data)[0]]}` : "";
    column.answer.textContent = path.map((tag) => tags[tag]).join(" ") + label;
    column.more.replaceChildren(...words.flatMap((word, i) => [make("span", `${word} `), make("span", `${tags[path[i]]}  `, "tag")]));
  },
  async series_classification(model, input, column) {
    const { front_end: front, labels, max_length } = model.preprocessor;
    let found;
    if (front.kind === "numbers") {
      const channels = input.trim().split(":").map((text) => text.split(/[\s,;]+/).filter(Boolean).map(Number));
      if (channels.length !== front.mean.length || channels.flat().some((x) => !Number.isFinite(x)) || !channels[0].length) {
        throw new Error(`give ${front.mean.length} channel(s) of numbers, between spaces, commas or lines`);
      }
      const steps = channels[0].length;
      const data = Array.from({ length: steps }, (_, t) => channels.map((values, c) => (values[t] - front.mean[c]) / front.scale[c]));
      found = { data: data.flat(), steps, size: channels.length };
    } else {
      found = features(await decode(input.slice(0), front.rate), front);
    }
    if (found.steps > max_length) throw new Error(`${found.steps} steps: this model takes at most ${max_length}`);
    const run = await session(model, "model");
    const mask = flags(Array(found.steps).fill(1), [1, found.steps]);
    const outputs = await run.run({ features: floats(found.data, [1, found.steps, found.size]), mask });
    const likely = softmax(outputs.logits.data);
    column.answer.textContent = labels[ranked(likely)[0]];
    column.more.replaceChildren(...bars(labels, likely));
  },
  async language_modelling(model, text, column, { length, temperature, stopped }) {
    const { symbols: known } = model.preprocessor;
    const stream = new Stream(model);
    const step = (id) => stream.step({ tokens: ints([id], [1]) });
    let logits = await step(0);
    for (const c of text) {
      const place = known.indexOf(c);
      if (place < 0) throw new Error(`${c}: a character that this model does not know`);
      logits = await step(place + 1);
    }
    column.answer.textContent = text;
    for (let t = 0; t < length && !stopped(); t++) {
      const noise = () => (temperature ? -Math.log(-Math.log(Math.random())) : 0);
      const next = ranked(Array.from(logits, (x) => x / (temperature || 1) + noise()))[0];
      column.answer.textContent += known[next];
      logits = await step(next + 1);
      if (t % 8 === 0) await new Promise((done) => setTimeout(done));
    }
  },
  async music_modelling(model, text, column, { frames, temperature, stopped }) {
    let piece = [];
    try {
      piece = JSON.parse(text);
    } catch {} // no frames: refused below
    const isKey = (key) => Number.isInteger(key) && key >= LOWEST && key < LOWEST + KEYS;
    if (!Array.isArray(piece) || !piece.length || !piece.every((frame) => Array.isArray(frame) && frame.every(isKey))) {
      throw new Error(`give frames of keys from ${LOWEST} to ${LOWEST + KEYS - 1}, as in [[60, 64], [62]]`);
    }
    const stream = new Stream(model);
    const step = (frame) => {
      const keys = Array.from({ length: KEYS }, (_, i) => (frame.includes(i + LOWEST) ? 1 : 0));
      return stream.step({ features: floats(keys, [1, KEYS]) });
    };
    const isPlayed = (x) => (temperature ? Math.random() < 1 / (1 + Math.exp(-x / temperature)) : x > 0);
    let logits;
    for (const frame of piece) logits = await step(frame);
    const written = [];
    while (written.length < frames && !stopped()) {
      written.push(Array.from(logits.keys()).filter((i) => isPlayed(logits[i])).map((i) => i + LOWEST));
      logits = await step(written.at(-1));
    }
    column.answer.textContent = JSON.stringify(written);
    const roll = [...piece, ...written];
    const keys = [...new Set(roll.flat())].sort((a, b) => b - a);
    const shade = (key) => roll.map((frame, t) => (frame.includes(key) ? (t < piece.length ? 0.4 : 1) : 0));
    column.more.replaceChildren(table(roll.map((_, t) => t + 1), keys, keys.map(shade)));
  },
};

// The most likely tags in which every span begins with B-.
function viterbi(scores, tags) {
  const begins = tags.map((tag) => (tag.startsWith("I-") ? tags.indexOf(`B-${tag.slice(2)}`) : -1));
  let score = tags.map((_, i) => (begins[i] < 0 ? scores[i] : -Infinity));
  const sources = [];
  for (let t = tags.length; t < scores.length; t += tags.length) {
    const best = score.indexOf(Math.max(...score));
    const source = tags.map((_, i) => (begins[i] < 0 ? best : score[i] > score[begins[i]] ? i : begins[i]));
    sources.push(source);
    score = source.map((from, i) => score[from] + scores[t + i]);
  }
  const path = [score.indexOf(Math.max(...score))];
  for (const source of sources.reverse()) path.push(source[path.at(-1)]);
  return path.reverse();
}

const TITLES = {
  sequence_to_sequence: ["Pronounce a word", "phoneme"],
  classification: ["Classify a text", "The plot makes no sense. But the acting is lovely!"],
  tagging: ["Tag a command", "play the latest album by björk"],
  language_modelling: ["Continue a text", "ROMEO:"],
  music_modelling: ["Continue a piece", "[[60, 64, 67], [60, 64, 67], [62, 65, 69], [62, 65, 69], [59, 62, 67]]"],
  series_classification: ["Classify a series", "-0.7 -1.1 -1.4 -1.5 -1.5 -1.4 -1.3 -0.6 0.2 0.6 0.9 1.0 0.9 0.5 0.4 0.4 0.4 0.6 1.0 1.2 1.0 0.8 0.5 0.1"],
  forecasting: [
    "Forecast a column of numbers",
    Array.from({ length: 96 }, (_, t) => Math.round(100 + 0.6 * t + 20 * Math.sin((Math.PI * t) / 6) + ((t * 17) % 11))).join("\n"),
  ],
  sound: ["Classify a sound", ""],
};

function section(kind, models) {
  const [title, example] = TITLES[kind];
  const [box, columns] = [make("section"), make("div", "", "columns")];
  box.id = kind;
  box.append(make("h2", title));
  const field = make(kind === "sequence_to_sequence" || kind === "tagging" ? "input" : "textarea");
  if (field.tagName === "INPUT") field.type = "text";
  field.value = example;
  field.setAttribute("aria-label", title);
  const ahead = Object.assign(make("input"), { type: "number", min: 1, value: 24 });
  ahead.setAttribute("aria-label", "Steps ahead");
  let running = 0;
  const shown = models.map((model) => {
    const [column, answer, more, time] = [make("div"), make("div", "", "answer"), make("div"), make("div", "", "time")];
    answer.dataset.model = model.name;
    if (kind === "language_modelling") answer.classList.add("written");
    column.append(make("h3", model.name), answer, more, time);
    columns.append(column);
    return { model, answer, more, time };
  });
  const answerAll = async (input) => {
    const now = ++running;
    const settings = {
      length: 300, frames: 16, temperature: 0.7, horizon: Number(ahead.value), stopped: () => now !== running, ...window.zooSettings,
    };
    await Promise.all(shown.map(async (column) => {
      const started = performance.now();
      delete column.answer.dataset.done;
      column.answer.classList.remove("error");
      try {
        await ANSWERS[column.model.task](column.model, input, column, settings);
        column.time.textContent = `${(performance.now() - started).toFixed(0)} ms`;
      } catch (error) {
        column.answer.textContent = error.message;
        column.answer.classList.add("error");
      }
      column.answer.dataset.done = "yes";
    }));
  };
  if (kind === "sound") {
    const file = Object.assign(make("input"), { type: "file", accept: "audio/*" });
    file.addEventListener("change", async () => answerAll(await file.files[0].arrayBuffer()));
    box.addEventListener("dragover", (event) => event.preventDefault());
    box.addEventListener("drop", async (event) => {
      event.preventDefault();
      answerAll(await event.dataTransfer.files[0].arrayBuffer());
    });
    box.append(make("p", "Choose or drop a sound file, or record one."), file, recorder(answerAll));
  } else {
    const button = make("button", kind === "language_modelling" ? "Write" : "Answer");
    button.addEventListener("click", () => answerAll(field.value));
    field.addEventListener("keydown", (event) => event.key === "Enter" && field.tagName === "INPUT" && answerAll(field.value));
    box.append(field, ...(kind === "forecasting" ? [ahead, " steps ahead "] : []), button);
    if (kind === "language_modelling") {
      const stop = make("button", "Stop");
      stop.addEventListener("click", () => running++);
      box.append(stop);
    }
  }
  box.append(columns);
  box.answerAll = answerAll;
  return box;
}

function recorder(answerAll) {
  const button = make("button", "Record one second");
  button.addEventListener("click", async () => {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const [recording, parts] = [new MediaRecorder(stream), []];
      recording.addEventListener("dataavailable", (event) => parts.push(event.data));
      recording.addEventListener("stop", async () => {
        stream.getTracks().forEach((track) => track.stop());
        answerAll(await new Blob(parts).arrayBuffer());
      });
      recording.start();
      setTimeout(() => recording.stop(), 1000);
    } catch (error) {
      button.textContent = `no microphone: ${error.message}`;
    }
  });
  return button;
}

const models = await (await fetch("models.json")).json();
const kinds = new Map();
for (const model of models) {
  const sound = model.task === "series_classification" && model.preprocessor.front_end.kind !== "numbers";
  const kind = sound ? "sound" : model.task;
  kinds.set(kind, [...(kinds.get(kind) || []), model]);
}
document.getElementById("main").replaceChildren(...Array.from(kinds, ([kind, list]) => section(kind, list)));
