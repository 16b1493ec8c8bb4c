"""Language modelling by the character: which one comes next."""

import dataclasses
import math

import numpy as np
from keras import ops

from zoo.backends.compile import compiled
from zoo.errors import InputError
from zoo.inference.sampling import check_length, continue_sequence, draw_noise, draw_symbol
from zoo.metrics.intervals import Counts, Interval, mean_per_step
from zoo.preprocessing.characters import UNSEEN, CharacterPreprocessor
from zoo.tasks.next_step import NextStep, Steps, in_batches
from zoo.training.batching import Crops

CONTEXT = 256


class LanguageModelling(NextStep):
    """Every character of a text is predicted from those before it.

    A crop or window begins with ``UNSEEN``, which says that nothing is known of what stands before. A text is
    scored in windows of ``context`` characters that overlap by half: each character is predicted once, in the
    first window that shows it at least ``context / 2`` before it, and at the text's beginning all that there are.
    So a recurrent model and one that looks back no further than a window are asked the same.
    """

    name = "language_modelling"
    monitor = "bpc"
    head_dropout = 0.1

    def fit(self, examples, architecture):
        return CharacterPreprocessor.fit(examples.inputs, CONTEXT)

    def fields(self, preprocessor, architecture):
        return {"vocab_size": preprocessor.size}

    def outputs(self, preprocessor):
        return len(preprocessor.symbols)

    def batches(self, preprocessor, examples, training_config):
        rows = self.encode(preprocessor, examples, min_length=1)
        context = preprocessor.context

        def collate(crops):
            ids = np.zeros((len(crops), context + 1), "int32")
            real = np.zeros((len(crops), context), "float32")
            for place, (row, offset) in enumerate(crops):
                crop = rows[row][offset : offset + context]
                ids[place, 1 : len(crop) + 1] = crop
                real[place, : len(crop)] = 1
            # No logit stands for UNSEEN, so the i-th symbol, whose id is i + 1, is output i.
            return {"tokens": ids[:, :-1]}, np.maximum(ids[:, 1:] - 1, 0), real

        return Crops([len(row) for row in rows], context, collate, training_config.batch_size, training_config.seed)

    def stream(self, pipeline, prompt, length, sampling):
        symbols = len(pipeline.preprocessor.symbols)
        if sampling.top_k is not None and not 1 <= sampling.top_k <= symbols:
            raise InputError(f"top-k {sampling.top_k}: give 1 to {symbols}, as many as there are symbols")
        ids = pipeline.preprocessor.encode_input(prompt) if prompt else np.zeros(0, "int32")
        check_length(pipeline.model, length, len(ids))
        settings = np.array([sampling.temperature or 1, sampling.top_k or symbols, sampling.top_p], "float32")
        noise = draw_noise("gumbel", symbols, sampling.temperature, sampling.seed)
        parts = continue_sequence(pipeline, ids, np.array([UNSEEN], "int32"), length, settings, noise, draw_symbol)
        return map(pipeline.preprocessor.decode, parts)

    def join(self, parts):
        return "".join(parts)

    def predict_raw(self, pipeline, inputs, batch_size, on_step, **options):
        """Returns ``{"nats", "characters"}`` for each text, a list of each with an item a window."""
        context = pipeline.preprocessor.context
        windows, owners, first = [], [], []
        for number, text in enumerate(inputs):
            ids = pipeline.preprocessor.encode_input(text)
            for start, known in spans(len(ids), context):
                windows.append(np.concatenate([[UNSEEN], ids[start : start + context]]))
                owners.append(number)
                first.append(known)

        def run(ids):
            logits = pipeline.model({"tokens": ids[:, :-1]}, training=False)
            right = ops.maximum(ids[:, 1:] - 1, 0)
            return -ops.take_along_axis(ops.log_softmax(logits), right[..., None], axis=-1)[..., 0]

        function = pipeline.once("score", lambda: compiled(pipeline.model, run))
        found = in_batches(windows, batch_size, lambda batch: ops.convert_to_numpy(function(batch)))
        outputs = [{"nats": [], "characters": []} for _ in inputs]
        for number, known, window, nats in zip(owners, first, windows, found, strict=True):
            counted = nats[known : len(window) - 1]
            outputs[number]["nats"].append(float(counted.sum(dtype="float64")))
            outputs[number]["characters"].append(len(counted))
        on_step(len(inputs))
        return outputs

    def score(self, preprocessor, outputs, references):
        nats = mean_per_step(*([x for output in outputs for x in output[key]] for key in ("nats", "characters")))
        bits = [value / math.log(2) for value in dataclasses.astuple(nats)]
        return {"bpc": Interval(*bits), "nats": nats}

    def metric_counts(self, preprocessor, outputs, references):
        nats, characters = (np.array([x for output in outputs for x in output[key]]) for key in ("nats", "characters"))
        return Counts("bpc", nats / math.log(2), characters)

    def predict(self, pipeline, inputs, batch_size, on_step, *, probabilities):
        """Returns the likeliest character after each text; with ``probabilities``, a dict of all, the likeliest first.

        Texts of any length are read whole, from their first character on.
        """
        symbols = pipeline.preprocessor.symbols
        rows = [np.concatenate([[UNSEEN], pipeline.preprocessor.encode_input(text)]) for text in inputs]

        def run(ids):
            return ops.softmax(pipeline.model({"tokens": ids}, training=False), axis=-1)

        function = pipeline.once("predict", lambda: compiled(pipeline.model, run))
        found = in_batches(rows, batch_size, lambda batch: ops.convert_to_numpy(function(batch)), on_step)
        likely = [row[len(ids) - 1] for row, ids in zip(found, rows, strict=True)]
        if not probabilities:
            return [symbols[row.argmax()] for row in likely]
        return [{symbols[i]: float(row[i]) for i in np.argsort(-row, kind="stable")} for row in likely]

    def steps(self, preprocessor, examples):
        rows = self.encode(preprocessor, examples, min_length=2)
        places = [np.arange(len(row) - 1) for row in rows]
        return Steps("tokens", [row[:-1] for row in rows], [row[1:] - 1 for row in rows], places, start=UNSEEN)

    def adapt(self, base, parts):
        # The characters known keep their ids, new ones come behind them.
        known = base.preprocessor.symbols
        new = {symbol for part in parts for text in part.inputs for symbol in text} - set(known)
        return dataclasses.replace(base.preprocessor, symbols=(*known, *sorted(new)))

    def transfer_weights(self, base, fresh):
        tensors = fresh.tensors()
        for path, value in base.tensors().items():
            if path.startswith("head/"):
                tensors[path][..., : value.shape[-1]] = value
            else:
                tensors[path][: len(value)] = value
        return tensors

    def logits(self, pipeline, text):
        ids = np.concatenate([[UNSEEN], pipeline.preprocessor.encode_input(text)])
        return ops.convert_to_numpy(pipeline.model({"tokens": ids[None]}))[0, -1]


def spans(length: int, context: int) -> list[tuple[int, int]]:
    """Returns the windows in which a text is scored: where each begins, and the first place in it that counts.

    Args:
        length: Characters of the text.
        context: Characters of a window, at least 2.
    """
    stride = context // 2
    later = range(stride, max(stride, length - context + stride), stride)
    return [(0, 0), *((start, context - stride) for start in later)]


LANGUAGE_MODELLING = LanguageModelling()
