"""Classification: one label per text."""

import collections
import dataclasses

import numpy as np
from keras import ops

from zoo.backends.compile import compiled, program
from zoo.data.examples import identity
from zoo.errors import InputError, located
from zoo.metrics.intervals import Counts
from zoo.metrics.labels import classification_metrics
from zoo.models import registry
from zoo.models.heads import Classifier
from zoo.preprocessing.subwords import Subwords
from zoo.preprocessing.symbols import pad
from zoo.preprocessing.text import TextPreprocessor
from zoo.tasks.task import Task, both_ways
from zoo.training.augmentation import word_dropout
from zoo.training.batching import Batches, by_length, padded

VOCABULARY = 8_000
MAX_LENGTH = 400  # maximum subwords of a text
MAX_DOCUMENT = 1_200  # maximum subwords of a text that is read as sentences
MAX_SENTENCE = 24  # maximum subwords of a sentence
HEAD_DROPOUT = 0.3
SKEWED = 3  # ratio of the most frequent to the rarest label from which a note is given


class Classification(Task):
    """Predict one of a fixed set of labels for a text."""

    name = "classification"
    monitor = "error"
    options = {"probabilities": False}
    validation = {}
    head = {"num_classes": None, "head_dropout": HEAD_DROPOUT, "ngrams": 0}
    has_labels = True
    replaces_head = True
    softmax = True

    def architecture(self, name):
        return registry.resolve({**registry.ARCHITECTURES, **registry.DOCUMENT}, name)

    def fit(self, examples, architecture):
        labels = tuple(sorted(set(examples.targets)))
        tokenizer = Subwords.learn(examples.inputs, VOCABULARY)
        if architecture.name in registry.DOCUMENT:
            return TextPreprocessor(tokenizer, labels, MAX_DOCUMENT, MAX_SENTENCE)
        return TextPreprocessor(tokenizer, labels, MAX_LENGTH)

    def fit_tokenizer(self, tokenizer, examples):
        return TextPreprocessor(tokenizer, tuple(sorted(set(examples.targets))), MAX_LENGTH)

    def fields(self, preprocessor, architecture):
        return {"vocab_size": preprocessor.size}

    def prefers(self, architecture):
        return both_ways(architecture)

    def unknown_share(self, preprocessor, inputs):
        return preprocessor.tokenizer.unknown_share(inputs)

    def check(self, train):
        if len(set(train.targets)) < 2:
            file = train.locations[0].rpartition(":")[0] or train.locations[0]
            raise InputError(f"{file}: only one label, {train.targets[0]!r}: give examples of at least two")

    def supports_augmentation(self, preprocessor):
        return True

    def describe(self, preprocessor):
        shown = ", ".join(preprocessor.labels[:20]) + (", ..." if len(preprocessor.labels) > 20 else "")
        return f"{self.name}, {len(preprocessor.labels)} labels: {shown}"

    def warnings(self, preprocessor, examples):
        lines = []
        cut, limit, size = preprocessor.cut(examples.inputs), preprocessor.max_length, len(examples)
        if cut:
            last = f" and the last {limit - preprocessor.first}" if preprocessor.first < limit else ""
            read = f"only the first {preprocessor.first}{last} are read"
            lines.append(f"{cut:,} of {size:,} texts are longer than {limit} subwords: {read}")
        return lines + self.skewed(examples) + self.repeated(examples, "texts")

    def skewed(self, examples) -> list[str]:
        """Returns a note if some labels are much rarer than others."""
        counts, size = collections.Counter(examples.targets).most_common(), len(examples)
        if counts[0][1] < SKEWED * counts[-1][1]:
            return []
        shown = ", ".join(
            f"{label!r} in {100 * count / size:.1f} % of the rows" for label, count in counts[:: len(counts) - 1]
        )
        return [f"labels are skewed, {shown}: look at macro F1 too, and consider balancing"]

    def repeated(self, examples, what: str) -> list[str]:
        """Returns a note if inputs occur more than once."""
        size = len(examples)
        duplicates = size - len(set(map(identity, examples.inputs)))
        if not duplicates:
            return []
        return [f"{duplicates:,} of {size:,} {what} are duplicates: all copies are in the same part"]

    def baselines(self, train, test):
        majority = collections.Counter(train.targets).most_common(1)[0][0]
        values = classification_metrics([majority] * len(test), test.targets)
        return [
            {
                "system": f"always {majority!r}, the most frequent label",
                "source": "computed",
                "values": {name: value.value for name, value in values.items()},
            }
        ]

    def create(self, architecture, config, *, num_classes, head_dropout, ngrams):
        return Classifier.around(architecture.build(config), num_classes, head_dropout, ngrams)

    def head_sizes(self, preprocessor):
        return {"num_classes": len(preprocessor.labels), "ngrams": getattr(preprocessor, "ngrams", 0)}

    def smallest(self, preprocessor) -> dict:
        """Returns the model inputs for the shortest possible sequence."""
        return _inputs([[1]] if preprocessor.sentences is None else [[[1]]], 1, 1)

    def pack(self, rows: list, length: int, padded_batch_size: int) -> dict:
        """Returns model inputs: encoded rows, padded to a length and a number of rows."""
        return _inputs(rows, length, padded_batch_size)

    def length(self, row) -> int:
        """Returns the number of ids of a text, or of sentences of a document."""
        return len(row)

    def batches(self, preprocessor, examples, training_config):
        rows = self._encode(preprocessor, examples)
        targets, weights = self.answers_and_weights(preprocessor, examples, training_config)

        def collate(chosen, length, padded_batch_size, generator=None):
            inputs = self.pack([rows[i] for i in chosen], length, padded_batch_size)
            if generator:
                inputs["tokens"] = word_dropout(inputs["tokens"], generator)
            target, weight = (
                np.zeros((padded_batch_size, *targets.shape[1:]), targets.dtype),
                np.zeros(padded_batch_size, "float32"),
            )
            target[: len(chosen)], weight[: len(chosen)] = targets[chosen], weights[chosen]
            return inputs, target, weight

        return Batches(
            [self.length(row) for row in rows],
            collate,
            training_config.batch_size,
            training_config.seed,
            varied=training_config.augment,
        )

    def answers_and_weights(self, preprocessor, examples, training_config) -> tuple[np.ndarray, np.ndarray]:
        """Returns the target and the weight of each row (raises InputError for an unknown label)."""
        answers = []
        for label, location in zip(examples.targets, examples.locations, strict=True):
            with located(location):
                answers.append(preprocessor.encode_target(label))
        counts = np.bincount(answers, minlength=len(preprocessor.labels))
        # With class balancing, all labels have the same total weight, and the mean weight of a row stays 1.
        balanced = len(answers) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        share = balanced if training_config.class_balanced else np.ones(len(counts))
        return np.array(answers, "int32"), share[answers]

    def _encode(self, preprocessor, examples) -> list:
        try:
            return preprocessor.encode_inputs(examples.inputs)
        except InputError:
            for text, location in zip(examples.inputs, examples.locations, strict=True):
                with located(location):
                    preprocessor.encode_input(text)
            raise

    def predict(self, pipeline, inputs, batch_size, on_step, *, probabilities):
        """Returns a label per text; with ``probabilities``, a dict from label to probability, the most likely first."""
        preprocessor = pipeline.preprocessor
        rows = preprocessor.encode_inputs(inputs)
        likely = self.outputs(pipeline, rows, batch_size, on_step)
        if not probabilities:
            return [preprocessor.labels[i] for i in likely.argmax(axis=-1)]
        return [{preprocessor.labels[i]: float(row[i]) for i in np.argsort(-row, kind="stable")} for row in likely]

    def outputs(self, pipeline, rows, batch_size, on_step) -> np.ndarray:
        """Returns ``(texts, outputs)``: for labels, their probabilities."""
        return self._run(pipeline, _probabilities if self.softmax else _logits, rows, batch_size, on_step)

    def embed(self, pipeline, inputs, batch_size, on_step):
        """Returns the input of the head: the last, the maximum and the mean of the backbone's output."""
        return self._run(pipeline, _features, pipeline.preprocessor.encode_inputs(inputs), batch_size, on_step)

    def _run(self, pipeline, make, rows, batch_size, on_step) -> np.ndarray:
        """Returns a compiled function's output per row, ``(rows, outputs)``."""
        smallest = self.smallest(pipeline.preprocessor)
        name = next(iter(smallest))
        features = smallest[name].shape[-1] if name == "features" else None
        function = program(pipeline.model, make, name, smallest["mask"].ndim, features)
        out: list[np.ndarray | None] = [None] * len(rows)
        for chosen, length, padded_batch_size in by_length([self.length(row) for row in rows], batch_size):
            inputs = self.pack([rows[i] for i in chosen], length, padded_batch_size)
            result = ops.convert_to_numpy(function(inputs[name], inputs["mask"].astype("int32")))
            for place, i in enumerate(chosen):
                out[i] = result[place]
            on_step(len(chosen))
        return np.stack([row for row in out if row is not None])

    def score(self, preprocessor, outputs, references):
        return classification_metrics(_likeliest(outputs), references)

    def metric_counts(self, preprocessor, outputs, references):
        correct = np.array(_likeliest(outputs)) == np.array(references)
        return Counts("accuracy", correct, np.ones(len(correct)))

    def adapt(self, base, parts):
        # Subwords can spell every word, so keep the vocabulary; the labels are those of the training part.
        return dataclasses.replace(base.preprocessor, labels=tuple(sorted(set(parts[0].targets))), ngrams=0)

    def transfer_weights(self, base, fresh):
        tensors = {path: value for path, value in base.tensors().items() if not path.startswith(("head/", "ngrams/"))}
        return {**fresh.tensors(), **tensors}

    def logits(self, pipeline, text):
        row = pipeline.preprocessor.encode_input(text)
        inputs = self.pack([row], self.length(row), 1)
        return ops.convert_to_numpy(pipeline.model(inputs))[0]


def attention(pipeline, text: str) -> list[tuple[float, list[tuple[str, float]]]]:
    """Returns the attention of a hierarchical attention network over a text.

    Returns:
        For each sentence, returns its weight and its subwords with their weights inside the sentence. The weights of
        the sentences sum to 1, and so do those of the subwords of each sentence.

    Raises:
        InputError: The model has no such attention, or the text has nothing to read.
    """
    network = getattr(pipeline.model, "backbone", None)
    if not hasattr(network, "attend"):
        raise InputError(f"{pipeline.spec.architecture} has no attention over words and sentences to show")
    row = pipeline.preprocessor.encode_input(text)
    _, sentences, words = network.attend(_inputs([row], CLASSIFICATION.length(row), 1))
    sentences, words = ops.convert_to_numpy(sentences)[0], ops.convert_to_numpy(words)[0]
    return [
        (
            float(sentences[i]),
            [(token, float(words[i, j])) for j, token in enumerate(pipeline.preprocessor.tokens(ids))],
        )
        for i, ids in enumerate(row)
    ]


def _probabilities(model, *inputs):
    """Returns the compiled probabilities of the labels."""
    return _of_inputs(model, lambda x: ops.softmax(model(x, training=False), axis=-1), *inputs)


def _logits(model, *inputs):
    """Returns the compiled logits."""
    return _of_inputs(model, lambda x: model(x, training=False), *inputs)


def _features(model, *inputs):
    """Returns the compiled inputs of the head."""
    return _of_inputs(model, model.features, *inputs)


def _of_inputs(model, function, name: str, rank: int, features: int | None):
    """Returns a function of the model's inputs, compiled for the input of that name and its mask."""
    return compiled(model, lambda steps, mask: function({name: steps, "mask": ops.cast(mask, "bool")}), rank, features)


def _likeliest(outputs: list) -> list[str]:
    """Returns the most likely label of each output, which may be a dict of probabilities."""
    return [max(output, key=output.get) if isinstance(output, dict) else output for output in outputs]


def _inputs(rows: list, length: int, padded_batch_size: int) -> dict[str, np.ndarray]:
    """Returns ``tokens`` and ``mask``, ``(batch, length)``; for documents ``(batch, length, subwords)``.

    Rows added for padding have one real position because a mean over none is not finite.
    """
    if isinstance(rows[0][0], list):
        max_length = max(len(sentence) for row in rows for sentence in row)
        tokens = np.stack(
            [pad(row, padded(max_length), length) for row in rows + [[[1]]] * (padded_batch_size - len(rows))]
        )
    else:
        tokens = pad(rows + [[1]] * (padded_batch_size - len(rows)), length)
    return {"tokens": tokens, "mask": tokens > 0}


CLASSIFICATION = Classification()
