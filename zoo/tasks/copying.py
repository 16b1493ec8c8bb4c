"""Copying: at each step of a sequence of ids, one id; what is asked for late has to be remembered from early on."""

import numpy as np
from keras import ops

from zoo import models
from zoo.arrays import IdsPreprocessor
from zoo.batching import Batches
from zoo.errors import InputError
from zoo.metrics import copying_metrics
from zoo.models.predictor import causal_predictor
from zoo.preprocessing import pad
from zoo.tasks.task import Cases, Task


class Copying(Task):
    """A sequence of ids has as many ids as its target, each to be said at its step and not later."""

    name = "copying"
    monitor = "step_loss"
    options = {"likelihoods": False}
    validation = {"likelihoods": True}

    def architecture(self, name):
        return models.find_backbone(name)

    def fit(self, examples, architecture):
        arrays = [np.asarray(ids) for ids in (*examples.inputs, *examples.targets)]
        return IdsPreprocessor(1 + max(int(array.max(initial=0)) for array in arrays))

    def fields(self, preprocessor, architecture):
        return {"vocabulary": preprocessor.symbols}

    def build(self, architecture, config, preprocessor):
        return causal_predictor(architecture, config, preprocessor.symbols, {"tokens": np.zeros((1, 1), "int32")})

    def batches(self, preprocessor, examples, plan):
        rows, answers = [], []
        for ids, target, where in zip(examples.inputs, examples.targets, examples.where, strict=True):
            try:
                rows.append(preprocessor.encode_input(ids))
                answers.append(preprocessor.encode_target(target))
                if len(rows[-1]) != len(answers[-1]):
                    raise InputError(f"{len(rows[-1])} ids and {len(answers[-1])} targets: give one an id")
            except InputError as error:
                raise InputError(f"{where}: {error}") from None

        def collate(chosen, length, height):
            weight = pad([[1] * len(rows[i]) for i in chosen], length, height).astype("float32")
            inputs = {"tokens": pad([rows[i] for i in chosen], length, height)}
            return inputs, pad([answers[i] for i in chosen], length, height), weight

        return Batches([len(row) for row in rows], collate, plan.batch_size, plan.seed)

    def cases(self, examples):
        return Cases(list(examples.inputs), list(examples.targets), list(examples.where))

    def predict(self, pipeline, inputs, batch_size, tick, *, likelihoods):
        """Returns an id a step for each sequence; with ``likelihoods`` log-probabilities, ``(time, symbols)``."""
        rows = [pipeline.preprocessor.encode_input(ids) for ids in inputs]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        found = [np.zeros(0)] * len(rows)
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            tokens = pad([rows[i] for i in chosen], len(rows[chosen[-1]]))
            logits = pipeline.model.predict_on_batch({"tokens": tokens})
            likely = ops.convert_to_numpy(ops.log_softmax(logits))
            for place, i in enumerate(chosen):
                found[i] = likely[place, : len(rows[i])]
            tick(len(chosen))
        return found if likelihoods else [likely.argmax(-1).tolist() for likely in found]

    def score(self, preprocessor, outputs, references):
        return copying_metrics(outputs, [preprocessor.encode_target(reference) for reference in references])

    def adapt(self, base, parts):
        return base.preprocessor

    def carry(self, base, fresh):
        return base.tensors()

    def logits(self, pipeline, text):
        ids = pipeline.preprocessor.encode_input(text)
        return ops.convert_to_numpy(pipeline.model({"tokens": ids[None]}))[0, -1]


COPYING = Copying()
