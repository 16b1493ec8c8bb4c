"""Copying: an id per step of a sequence of ids; late outputs depend on early inputs."""

import numpy as np
from keras import ops

from zoo.errors import InputError, located
from zoo.metrics.intervals import Counts, mean_per_step, ratio
from zoo.preprocessing.arrays import IdsPreprocessor
from zoo.preprocessing.symbols import pad
from zoo.tasks.next_step import NextStep, Steps, in_batches
from zoo.training.batching import Batches

BLANK = 0
"""The target id at steps that are not scored."""


class Copying(NextStep):
    """Predict an id at each step of a sequence of ids."""

    name = "copying"
    monitor = "step_loss"
    options = {}
    head_dropout = 0.0

    def fit(self, examples, architecture):
        arrays = [np.asarray(ids) for ids in (*examples.inputs, *examples.targets)]
        return IdsPreprocessor(1 + max(int(array.max(initial=0)) for array in arrays))

    def fields(self, preprocessor, architecture):
        return {"vocab_size": preprocessor.symbols}

    def outputs(self, preprocessor):
        return preprocessor.symbols

    def targets(self, preprocessor, examples, rows: list[np.ndarray]) -> list[np.ndarray]:
        """Returns every target as ids (raises InputError with the location if the lengths differ)."""
        result = []
        for target, row, location in zip(examples.targets, rows, examples.locations, strict=True):
            with located(location):
                result.append(preprocessor.encode_target(target))
                if len(result[-1]) != len(row):
                    raise InputError(f"{len(row)} ids and {len(result[-1])} targets: give one per id")
        return result

    def batches(self, preprocessor, examples, training_config):
        rows = self.encode(preprocessor, examples, min_length=1)
        targets = self.targets(preprocessor, examples, rows)

        def collate(chosen, length, padded_batch_size):
            weight = pad([np.ones(len(rows[i])) for i in chosen], length, padded_batch_size).astype("float32")
            inputs = {"tokens": pad([rows[i] for i in chosen], length, padded_batch_size)}
            return inputs, pad([targets[i] for i in chosen], length, padded_batch_size), weight

        return Batches([len(row) for row in rows], collate, training_config.batch_size, training_config.seed)

    def predict(self, pipeline, inputs, batch_size, on_step):
        """Returns the most likely id of each step, as a list per sequence."""
        return [likely.argmax(-1).tolist() for likely in self.predict_raw(pipeline, inputs, batch_size, on_step)]

    def predict_raw(self, pipeline, inputs, batch_size, on_step):
        """Returns the log-probability of each id at each step, in nats: ``(time, symbols)`` per sequence."""
        rows = [pipeline.preprocessor.encode_input(ids) for ids in inputs]

        def run(tokens):
            return ops.convert_to_numpy(ops.log_softmax(pipeline.model.predict_on_batch({"tokens": tokens})))

        results = in_batches(rows, batch_size, run, on_step)
        return [likely[: len(row)] for likely, row in zip(results, rows, strict=True)]

    def update_metrics(self, preprocessor, outputs, references):
        """Returns, per sequence, nats, steps, correctly recalled symbols and scored symbols."""
        rows = []
        for likely, reference in zip(outputs, references, strict=True):
            target = preprocessor.encode_target(reference)
            nats = -likely[np.arange(len(target)), target].sum(dtype="float64")
            scored = target != BLANK
            rows.append((float(nats), len(target), int((likely.argmax(-1) == target)[scored].sum()), int(scored.sum())))
        return (rows,)

    def compute_metrics(self, preprocessor, states):
        """Returns ``step_loss``, nats per step, and ``recall``, the share of correctly recalled symbols."""
        nats, steps, correct, scored = zip(*(row for (rows,) in states for row in rows), strict=True)
        if not any(scored):
            raise InputError("no target asks for a symbol: a recall needs at least one")
        return {"step_loss": mean_per_step(nats, steps), "recall": ratio(np.array(correct), np.array(scored))}

    def metric_counts(self, preprocessor, outputs, references):
        (rows,) = self.update_metrics(preprocessor, outputs, references)
        nats, steps, _, _ = (np.array(column) for column in zip(*rows, strict=True))
        return Counts("step_loss", nats, steps)

    def score(self, preprocessor, outputs, references):
        return self.compute_metrics(preprocessor, [self.update_metrics(preprocessor, outputs, references)])

    def steps(self, preprocessor, examples):
        rows = self.encode(preprocessor, examples, min_length=1)
        targets = self.targets(preprocessor, examples, rows)
        return Steps("tokens", rows, targets, [np.flatnonzero(answer != BLANK) for answer in targets])

    def adapt(self, base, parts):
        return base.preprocessor

    def logits(self, pipeline, text):
        ids = pipeline.preprocessor.encode_input(text)
        return ops.convert_to_numpy(pipeline.model({"tokens": ids[None]}))[0, -1]


COPYING = Copying()
