"""Tagging: one tag per word, and one label per sentence if the data have labels."""

import dataclasses

import numpy as np
from keras import ops

from zoo.backends.compile import compiled, program
from zoo.errors import InputError, located
from zoo.metrics.labels import slot_counts, tagging_metrics
from zoo.models import registry
from zoo.models.heads import Tagger
from zoo.preprocessing.subwords import Subwords
from zoo.preprocessing.symbols import pad
from zoo.preprocessing.tag_schemes import convert_to_iob2
from zoo.preprocessing.tags import TagPreprocessor, to_iob2, viterbi_decode
from zoo.tasks.task import Task, both_ways
from zoo.training.augmentation import word_dropout
from zoo.training.batching import Batches, by_length

VOCABULARY = 4_000
MAX_LENGTH = 400  # maximum subwords of a sentence
HEAD_DROPOUT = 0.3


class Tagging(Task):
    """Predict a tag per word of a sentence, and optionally a label; see ``TagPreprocessor``."""

    name = "tagging"
    layout = "tokens"
    replaces_head = True
    monitor = "slot_error"
    options = {}
    validation = {}
    streamed = False
    head = {"num_tags": None, "num_classes": 0, "head_dropout": HEAD_DROPOUT, "lookahead": False}

    def architecture(self, name):
        return registry.find_backbone(name)

    def prefers(self, architecture):
        return both_ways(architecture)

    def standardize(self, examples):
        parts = [target.partition("\t") for target in examples.targets]
        converted, notes = convert_to_iob2([tags.split() for tags, _, _ in parts])
        if not notes:
            return examples
        targets = [" ".join(tags) + mark + label for tags, (_, mark, label) in zip(converted, parts, strict=True)]
        return examples.with_notes(*notes, targets=targets)

    def check_example(self, preprocessor, value, target):
        _, first = preprocessor.encode_input(value)
        tags = len(target.partition("\t")[0].split())
        if tags != len(first):
            raise InputError(f"{len(first)} words and {tags} tags: give one tag per word")

    def unknown_share(self, preprocessor, inputs):
        return preprocessor.tokenizer.unknown_share([text.split() for text in inputs])

    def warnings(self, preprocessor, examples):
        if any(len(text.split()) > 1 for text in examples.inputs):
            return []
        return ["every sentence is a single word: if these are lines of longer ones, put empty lines between sentences"]

    def check_training_example(self, preprocessor, value, target):
        self.check_example(preprocessor, value, target)
        preprocessor.encode_target(target)

    def fit(self, examples, architecture):
        tokenizer = Subwords.learn(examples.inputs, VOCABULARY, words=True)
        return self._labels(TagPreprocessor(tokenizer, (), (), MAX_LENGTH), examples)

    def fit_tokenizer(self, tokenizer, examples):
        return self._labels(TagPreprocessor(tokenizer, (), (), MAX_LENGTH, lookahead=True), examples)

    def _labels(self, preprocessor, examples):
        tags, labels = set(), set()
        for target in examples.targets:
            text, _, label = target.partition("\t")
            tags.update(to_iob2(text.split()))
            labels.update([label] if label else [])
        return dataclasses.replace(preprocessor, tags=tuple(sorted(tags)), labels=tuple(sorted(labels)))

    def supports_augmentation(self, preprocessor):
        return True

    def describe(self, preprocessor):
        labels = f", {len(preprocessor.labels)} labels" if preprocessor.labels else ""
        return f"{self.name}, {len(preprocessor.tags)} tags{labels}"

    def fields(self, preprocessor, architecture):
        return {"vocab_size": preprocessor.size}

    def create(self, architecture, config, *, num_tags, num_classes, head_dropout, lookahead):
        return Tagger.around(architecture.build(config), num_tags, num_classes, head_dropout, lookahead)

    def head_sizes(self, preprocessor):
        sizes = {"num_tags": len(preprocessor.tags), "num_classes": len(preprocessor.labels)}
        return {**sizes, "lookahead": preprocessor.lookahead}

    def batches(self, preprocessor, examples, training_config):
        rows, targets = [], []
        for text, target, location in zip(examples.inputs, examples.targets, examples.locations, strict=True):
            with located(location):
                self.check_example(preprocessor, text, target)
                rows.append(preprocessor.encode_input(text))
                targets.append(preprocessor.encode_target(target))

        def collate(chosen, length, padded_batch_size, generator=None):
            inputs = _inputs([rows[i] for i in chosen], length, padded_batch_size)
            if generator:
                inputs["tokens"] = word_dropout(inputs["tokens"], generator)
            tags = pad([targets[i][0] for i in chosen], length, padded_batch_size)
            real = pad([[1] * len(targets[i][0]) for i in chosen], length, padded_batch_size).astype("float32")
            target, weights = {"tags": tags}, {"tags": real}
            if preprocessor.labels:
                target["label"] = np.zeros(padded_batch_size, "int32")
                target["label"][: len(chosen)] = [targets[i][1] for i in chosen]
                weights["label"] = (np.arange(padded_batch_size) < len(chosen)).astype("float32")
            return inputs, target, weights

        return Batches(
            [len(ids) for ids, _ in rows],
            collate,
            training_config.batch_size,
            training_config.seed,
            varied=training_config.augment,
        )

    def predict(self, pipeline, inputs, batch_size, on_step):
        """Returns, per sentence, its tags joined by spaces, then a tab and its label if the model has labels.

        The tags are the most likely ones in which every span begins with ``B-``.
        """
        preprocessor = pipeline.preprocessor
        rows = [preprocessor.encode_input(text) for text in inputs]

        function = program(pipeline.model, _likelihoods)
        outputs = [""] * len(rows)
        for chosen, length, padded_batch_size in by_length([len(ids) for ids, _ in rows], batch_size):
            batch = _inputs([rows[i] for i in chosen], length, padded_batch_size)
            arrays = function(batch["tokens"], batch["mask"].astype("int32"), batch["first"])
            arrays = {name: ops.convert_to_numpy(value) for name, value in arrays.items()}
            for place, i in enumerate(chosen):
                path = viterbi_decode(arrays["tags"][place, : len(rows[i][1])], preprocessor.tags)
                tags = " ".join(preprocessor.tags[tag] for tag in path)
                label = f"\t{preprocessor.labels[arrays['label'][place].argmax()]}" if preprocessor.labels else ""
                outputs[i] = tags + label
            on_step(len(chosen))
        return outputs

    def score(self, preprocessor, outputs, references):
        return tagging_metrics(outputs, references)

    def metric_counts(self, preprocessor, outputs, references):
        return slot_counts(outputs, references)

    def adapt(self, base, parts):
        return self._labels(base.preprocessor, parts[0])

    def transfer_weights(self, base, fresh):
        tensors = {path: value for path, value in base.tensors().items() if "_head/" not in path}
        return {**fresh.tensors(), **tensors}

    def logits(self, pipeline, text):
        row = pipeline.preprocessor.encode_input(text)
        return ops.convert_to_numpy(pipeline.model(_inputs([row], len(row[0]), 1))["tags"])[0, 0]


def _inputs(rows: list, length: int, padded_batch_size: int) -> dict[str, np.ndarray]:
    """Returns ``tokens``, ``mask`` and ``first``, ``(batch, length)``; padding rows have one real position."""
    tokens = pad([ids for ids, _ in rows] + [[1]] * (padded_batch_size - len(rows)), length)
    return {"tokens": tokens, "mask": tokens > 0, "first": pad([first for _, first in rows], length, padded_batch_size)}


def _likelihoods(model):
    """Returns the compiled log-likelihoods of the tags, and the logits of the labels, if any."""

    def run(tokens, mask, first):
        out = model({"tokens": tokens, "mask": ops.cast(mask, "bool"), "first": first}, training=False)
        return {**out, "tags": ops.log_softmax(out["tags"], axis=-1)}

    return compiled(model, run)


TAGGING = Tagging()
