"""Language modelling: predict the next character or subword."""

import dataclasses
import math

import numpy as np
from keras import ops

from zoo.backends.compile import compiled, program
from zoo.errors import InputError
from zoo.inference.sampling import check_length, continue_sequence, draw_noise, draw_symbol
from zoo.metrics.intervals import Counts, Interval, mean_per_step
from zoo.preprocessing.characters import CharacterPreprocessor
from zoo.tasks.next_step import STEPS, NextStep, Steps, in_batches
from zoo.training.batching import Crops, by_length

CONTEXT = 256
MOST_LOGITS = 256  # maximum length of an example output in a record


class LanguageModelling(NextStep):
    """Predict every step of a text, a character or a subword, from the steps before it.

    A crop or window begins with the preprocessor's ``start`` token. A text is scored in windows of ``context`` steps
    that overlap by half. Each step is predicted once, in the first window with at least ``context / 2`` steps before
    it; the first steps of the text have all steps before them. A recurrent model and a model with a shorter receptive
    field thus get the same context.

    Characters are scored in bits per character. Subwords are scored in bits per byte and as perplexity per word, which
    are comparable across vocabularies.
    """

    name = "language_modelling"
    monitor = "nats"
    head_dropout = 0.1

    def fit(self, examples, architecture):
        return CharacterPreprocessor.fit(examples.inputs, CONTEXT)

    def fields(self, preprocessor, architecture):
        return {"vocab_size": preprocessor.size}

    def check_example(self, preprocessor, value, target):
        super().check_example(preprocessor, value, target)
        # The datasets state the number of words of a text.
        if target and not (str(target).isdecimal() and int(target)):
            raise InputError(f"{str(target)[:40]!r}: a language model predicts the text itself: name no target column")

    def outputs(self, preprocessor):
        return preprocessor.size - preprocessor.first_output

    @property
    def head(self):
        return {**super().head, "tied": False}

    def head_sizes(self, preprocessor):
        return {**super().head_sizes(preprocessor), "tied": preprocessor.tied}

    def batches(self, preprocessor, examples, training_config):
        rows = self.encode(preprocessor, examples, min_length=1)
        context, start, first = preprocessor.context, preprocessor.start, preprocessor.first_output
        if preprocessor.tied:  # in the form of a corpus: texts with a separator before each
            rows = [np.concatenate([part for row in rows for part in ([start], row)])]

        def collate(crops):
            ids = np.full((len(crops), context + 1), start, "int32")
            real = np.zeros((len(crops), context), "float32")
            for place, (row, offset) in enumerate(crops):
                crop = rows[row][offset : offset + context]
                ids[place, 1 : len(crop) + 1] = crop
                real[place, : len(crop)] = 1
            return {"tokens": ids[:, :-1]}, np.maximum(ids[:, 1:] - first, 0), real

        return Crops([len(row) for row in rows], context, collate, training_config.batch_size, training_config.seed)

    def stream(self, pipeline, prompt, length, sampling):
        preprocessor = pipeline.preprocessor
        outputs = self.outputs(preprocessor)
        if sampling.top_k is not None and not 1 <= sampling.top_k <= outputs:
            raise InputError(f"top-k {sampling.top_k}: give 1 to {outputs}, as many as there are symbols")
        ids = preprocessor.encode_input(prompt) if prompt else np.zeros(0, "int32")
        check_length(pipeline.model, length, len(ids))
        settings = np.array(
            [sampling.temperature or 1, sampling.top_k or outputs, sampling.top_p, preprocessor.first_output], "float32"
        )
        noise = draw_noise("gumbel", outputs, sampling.temperature, sampling.seed)
        start = np.array([preprocessor.start], "int32")
        parts = continue_sequence(pipeline, ids, start, length, settings, noise, draw_symbol)
        return preprocessor.decode_parts(parts, begins=not prompt)

    def join(self, parts):
        return "".join(parts)

    def predict_raw(self, pipeline, inputs, batch_size, on_step, **options):
        """Returns for each text ``nats`` and the units to count, each as a list with an item per window."""
        preprocessor = pipeline.preprocessor
        context, first_output = preprocessor.context, preprocessor.first_output
        windows, owners, counted = [], [], []
        outputs: list[dict[str, list]] = []
        for number, text in enumerate(inputs):
            ids = preprocessor.encode_input(text)
            units = preprocessor.units(ids)
            outputs.append({"nats": [], **{name: [] for name in units}})
            for start, known in spans(len(ids), context):
                windows.append(np.concatenate([[preprocessor.start], ids[start : start + context]]))
                owners.append(number)
                counted.append(known)
                for name, values in units.items():
                    outputs[number][name].append(int(values[start + known : start + context].sum()))

        function = program(pipeline.model, nats_of_steps, first_output)
        results = in_batches(windows, batch_size, lambda batch: ops.convert_to_numpy(function(batch)))
        for number, known, window, nats in zip(owners, counted, windows, results, strict=True):
            outputs[number]["nats"].append(float(nats[known : len(window) - 1].sum(dtype="float64")))
        on_step(len(inputs))
        return outputs

    def score(self, preprocessor, outputs, references):
        columns = {name: [x for output in outputs for x in output[name]] for name in outputs[0]}
        if "characters" in columns:
            nats = mean_per_step(columns["nats"], columns["characters"])
            return {"bpc": _in_bits(nats), "nats": nats}
        per_word = mean_per_step(columns["nats"], _words(outputs, references))
        return {
            "bits_per_byte": _in_bits(mean_per_step(columns["nats"], columns["bytes"])),
            "word_perplexity": Interval(*(math.exp(min(value, 700)) for value in dataclasses.astuple(per_word))),
            "nats": mean_per_step(columns["nats"], columns["subwords"]),
        }

    def metric_counts(self, preprocessor, outputs, references):
        unit, name = ("characters", "bpc") if "characters" in outputs[0] else ("bytes", "bits_per_byte")
        nats, steps = (np.array([x for output in outputs for x in output[key]]) for key in ("nats", unit))
        return Counts(name, nats / math.log(2), steps)

    def predict(self, pipeline, inputs, batch_size, on_step, *, probabilities):
        """Returns the most likely symbol after each text; with ``probabilities``, a dict of all, the most likely first.

        Texts of any length are read completely.
        """
        preprocessor = pipeline.preprocessor
        rows = [np.concatenate([[preprocessor.start], preprocessor.encode_input(text)]) for text in inputs]

        function = program(pipeline.model, _probabilities)
        results = in_batches(rows, batch_size, lambda batch: ops.convert_to_numpy(function(batch)), on_step)
        likely = [row[len(ids) - 1] for row, ids in zip(results, rows, strict=True)]
        if not probabilities:
            return [preprocessor.symbol(int(row.argmax())) for row in likely]
        return [{preprocessor.symbol(int(i)): float(row[i]) for i in np.argsort(-row, kind="stable")} for row in likely]

    def embed(self, pipeline, inputs, batch_size, on_step):
        """Returns the last, the maximum and the mean of the backbone's output over each text."""
        preprocessor = pipeline.preprocessor
        rows = [np.concatenate([[preprocessor.start], preprocessor.encode_input(text)]) for text in inputs]
        function = program(pipeline.model, _features)
        out: dict[int, np.ndarray] = {}
        for chosen, length, padded_batch_size in by_length([len(row) for row in rows], batch_size, STEPS):
            tokens, mask = (
                np.zeros((padded_batch_size, length), "int32"),
                np.zeros((padded_batch_size, length), "int32"),
            )
            mask[:, 0] = 1
            for place, i in enumerate(chosen):
                tokens[place, : len(rows[i])], mask[place, : len(rows[i])] = rows[i], 1
            out |= zip(chosen, ops.convert_to_numpy(function(tokens, mask)), strict=False)
            on_step(len(chosen))
        return np.stack([out[i] for i in range(len(rows))])

    def steps(self, preprocessor, examples):
        rows = self.encode(preprocessor, examples, min_length=2)
        places = [np.arange(len(row) - 1) for row in rows]
        targets = [row[1:] - preprocessor.first_output for row in rows]
        return Steps("tokens", [row[:-1] for row in rows], targets, places, start=preprocessor.start)

    def adapt(self, base, parts):
        return base.preprocessor.extended(text for part in parts for text in part.inputs)

    def transfer_weights(self, base, fresh):
        # Known symbols keep their ids; new ones are added after them.
        tensors = fresh.tensors()
        for path, value in base.tensors().items():
            if path.startswith("head/"):
                tensors[path][..., : value.shape[-1]] = value
            else:
                tensors[path][: len(value)] = value
        return tensors

    def logits(self, pipeline, text):
        ids = np.concatenate([[pipeline.preprocessor.start], pipeline.preprocessor.encode_input(text)])
        row = ops.convert_to_numpy(pipeline.model({"tokens": ids[None]}))[0, -1]
        return row[:: -(-len(row) // MOST_LOGITS)]  # evenly spaced entries of a large vocabulary


def _in_bits(nats: Interval) -> Interval:
    return Interval(*(value / math.log(2) for value in dataclasses.astuple(nats)))


def _words(outputs: list[dict], references: list) -> list[float]:
    """Returns the words of each window, scaled to the number that the reference states for its text."""
    words: list[float] = []
    for output, reference in zip(outputs, references, strict=True):
        scale = int(reference) / max(1, sum(output["words"])) if reference else 1.0
        words += [count * scale for count in output["words"]]
    return words


def spans(length: int, context: int) -> list[tuple[int, int]]:
    """Returns the windows that score a text: the start of each, and its first scored position.

    Args:
        length: Number of steps of the text.
        context: Number of steps of a window, at least 2.
    """
    stride = context // 2
    later = range(stride, max(stride, length - context + stride), stride)
    return [(0, 0), *((start, context - stride) for start in later)]


def nats_of_steps(model, first_output: int):
    """Returns the compiled negative log-likelihood of each id of a window, except the first.

    The first output of the model is the id ``first_output``.
    """

    def run(ids):
        logits = model({"tokens": ids[:, :-1]}, training=False)
        following = ops.maximum(ids[:, 1:] - first_output, 0)
        return -ops.take_along_axis(ops.log_softmax(logits), following[..., None], axis=-1)[..., 0]

    return compiled(model, run)


def _probabilities(model):
    """Returns the compiled probabilities of the next id at each step."""
    return compiled(model, lambda ids: ops.softmax(model({"tokens": ids}, training=False), axis=-1))


def _features(model):
    """Returns the compiled features of whole texts, from their ids and mask."""
    return compiled(model, lambda ids, mask: model.features({"tokens": ids, "mask": ops.cast(mask, "bool")}))


LANGUAGE_MODELLING = LanguageModelling()
