"""Fit a linear model on n-grams beside a fine-tuned classifier, where the validation part says that it helps.

Bags of n-grams are a strong model of texts of which there are few (Wang & Manning 2012, "Baselines and bigrams"), and
their errors differ from those of a network. The logits of both are added.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from zoo.data.examples import Examples
from zoo.fitting.linear_model import choose_strength, fit_logistic, out_of_fold
from zoo.layers.hashing import MAX_VOCABULARY, pair_rows
from zoo.models.heads import Classifier
from zoo.pipeline import Pipeline
from zoo.preprocessing.text import TextPreprocessor

STRENGTHS = (0.1, 1.0, 10.0)  # strengths of the linear model, as scikit-learn's C
FOLDS = 3
SHARES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)  # sizes of its logits relative to those of the network
TEMPERATURES = np.geomspace(0.1, 16, 60)
MIN_BUCKETS, MAX_BUCKETS = 2**15, 2**18  # rows of the kernel for pairs; with few, many pairs share a row
MAX_KERNEL = 2**22  # numbers in a kernel: 16 MB
ENOUGH = 100  # with fewer rows each model has the size at which its own logits are calibrated


@dataclasses.dataclass(frozen=True)
class NgramModel:
    """Logistic regression on n-grams.

    Attributes:
        kernel: ``(vocab_size + buckets, labels)``.
        bias: ``(labels,)``.
        size: Size of calibrated logits of rows that the model was not fitted on; 0 if a label has one row only.
    """

    kernel: np.ndarray
    bias: np.ndarray
    size: float

    def buckets(self, pipeline: Pipeline) -> int:
        """Returns the number of rows for pairs."""
        return len(self.kernel) - pipeline.preprocessor.size

    def logits(self, pipeline: Pipeline, texts: list[str]) -> np.ndarray:
        """Returns the logits of texts, ``(texts, labels)``.

        Args:
            pipeline: The classifier whose subwords the model was fitted on.
            texts: The texts.
        """
        preprocessor = pipeline.preprocessor
        rows = preprocessor.encode_inputs(texts)
        return _counts(rows, preprocessor.size, self.buckets(pipeline)) @ self.kernel + self.bias


@dataclasses.dataclass(frozen=True)
class Mixture:
    """A sum of the logits of a network and of a linear model on n-grams.

    Attributes:
        share: Size of the linear model's logits relative to those of the network.
        factor: Factor on the linear model's logits that gives them this size.
        loss: Cross-entropy of the sum in nats per row, at its best temperature.
    """

    share: float
    factor: float
    loss: float


def suits(pipeline: Pipeline) -> bool:
    """Returns whether a model is a classifier of flat texts, which can have n-grams."""
    preprocessor = pipeline.preprocessor
    flat = isinstance(preprocessor, TextPreprocessor) and preprocessor.sentences is None
    return flat and isinstance(pipeline.model, Classifier) and preprocessor.size <= MAX_VOCABULARY


def mix(network: np.ndarray, ngrams: np.ndarray | None, labels: np.ndarray, size: float = 0.0) -> Mixture:
    """Choose the share of n-grams in a sum of logits.

    With many rows the share has the lowest loss of ``SHARES``. With few, both models are calibrated instead, each at
    its own temperature (Guo et al. 2017, arXiv 1706.04599).

    Args:
        network: Log-probabilities of the network on rows it was not trained on, ``(rows, labels)``.
        ngrams: Logits of the linear model on the same rows; ``None`` for no such model.
        labels: Class of each row.
        size: Size of the linear model's calibrated logits; 0 if unknown.
    """
    if ngrams is None:
        return Mixture(0.0, 0.0, _loss(network, labels))
    # the size of the linear model's logits that equals that of the network's
    scale = float(_spread(network) / max(_spread(ngrams), 1e-6))
    shares = SHARES
    if len(labels) < ENOUGH:
        shares = (_temperature(network, labels) * size / max(_spread(network), 1e-6) if size else 1.0,)
    losses = {share: _loss(network + share * scale * ngrams, labels) for share in shares}
    share = min(shares, key=lambda one: losses[one])
    return Mixture(share, share * scale, losses[share])


def log_probabilities(pipeline: Pipeline, texts: list[str]) -> np.ndarray:
    """Returns a classifier's log-probabilities of texts, ``(texts, labels)``."""
    predictions = pipeline.predict(texts, probabilities=True)
    rows = [[row[label] for label in pipeline.preprocessor.labels] for row in predictions]
    return np.log(np.maximum(rows, 1e-9))


def encode_labels(pipeline: Pipeline, examples: Examples) -> np.ndarray:
    """Returns the class of each row."""
    return np.array([pipeline.preprocessor.encode_target(label) for label in examples.targets])


def with_ngrams(
    pipeline: Pipeline, ngrams: NgramModel, validation: Examples, on_message: Callable[[str], None]
) -> tuple[Pipeline, float]:
    """Returns a classifier with a linear model on n-grams beside its network, and the share of that model's logits.

    Args:
        pipeline: A fine-tuned classifier of flat texts.
        ngrams: The linear model.
        validation: The validation part, which chooses the share. 0 returns the pipeline unchanged.
        on_message: Called with a note on the choice.
    """
    labels = encode_labels(pipeline, validation)
    network = log_probabilities(pipeline, validation.inputs)
    mixture = mix(network, ngrams.logits(pipeline, validation.inputs), labels, ngrams.size)
    if not mixture.share:
        on_message("n-grams: no lower loss on the validation part with a linear model on them; left out")
        return pipeline, 0.0
    on_message(f"n-grams: a linear model on them is added, with {mixture.share:.2g} times the network's logits in size")
    changed = dataclasses.replace(pipeline.preprocessor, ngrams=ngrams.buckets(pipeline))
    result = Pipeline(dataclasses.replace(pipeline.spec, preprocessor=changed.to_json()), pipeline.document)
    tensors = pipeline.tensors()
    tensors["head/bias"] = tensors["head/bias"] + (mixture.factor * ngrams.bias).astype("float32")
    kernel = (mixture.factor * ngrams.kernel).astype("float32")
    result.assign({**tensors, "ngrams/kernel": kernel}, "fine-tuned weights")
    return result, mixture.share


def fit(pipeline: Pipeline, train: Examples, seed: int) -> NgramModel:
    """Fit logistic regression on the n-grams of the training texts, weighted by their rarity.

    The strength is the one with the lowest loss in cross-validation.

    Args:
        pipeline: A classifier of flat texts.
        train: Texts and labels.
        seed: Seed of the folds.
    """
    preprocessor = pipeline.preprocessor
    labels, classes = encode_labels(pipeline, train), len(preprocessor.labels)
    counts = _counts(preprocessor.encode_inputs(train.inputs), preprocessor.size, buckets_for(classes))
    texts = np.asarray((counts > 0).sum(axis=0))[0]
    known = np.flatnonzero(texts)  # an n-gram of no text keeps a kernel of zeros
    rarity = np.log((1 + len(labels)) / (1 + texts[known])) + 1  # inverse document frequency
    weighted = counts[:, known].multiply(rarity).tocsr()
    strength = choose_strength(weighted, labels, STRENGTHS, FOLDS, seed)
    fitted, bias = fit_logistic(weighted, labels, classes, strength)
    held_out = out_of_fold(weighted, labels, classes, strength, FOLDS, seed)
    size = _spread(held_out) / _temperature(held_out, labels) if held_out is not None else 0.0
    kernel = np.zeros((counts.shape[1], classes))
    kernel[known] = fitted * rarity[:, None]
    return NgramModel(kernel, bias, size)


def buckets_for(classes: int) -> int:
    """Returns the number of rows for pairs of tokens: the largest power of two that keeps the kernel small.

    Example:
        >>> [buckets_for(2), buckets_for(77)] == [MAX_BUCKETS, MIN_BUCKETS]
        True
    """
    buckets = MAX_BUCKETS
    while buckets > MIN_BUCKETS and buckets * classes > MAX_KERNEL:
        buckets //= 2
    return buckets


def _counts(rows: list[list[int]], vocab_size: int, buckets: int):
    """Returns a sparse matrix: the n-grams of each text, divided by the square root of its length."""
    from scipy.sparse import csr_matrix

    columns, values, ends = [], [], [0]
    for row in rows:
        tokens = np.array(row, "int64")
        columns += [tokens, pair_rows(tokens[:-1], tokens[1:], vocab_size, buckets)]
        values.append(np.full(2 * len(row) - 1, len(row) ** -0.5))
        ends.append(ends[-1] + 2 * len(row) - 1)
    shape = (len(rows), vocab_size + buckets)
    matrix = csr_matrix((np.concatenate(values), np.concatenate(columns), ends), shape=shape)
    matrix.sum_duplicates()
    return matrix


def _spread(logits: np.ndarray) -> float:
    return float((logits - logits.mean(axis=1, keepdims=True)).std())


def _crossentropy(logits: np.ndarray, labels: np.ndarray) -> float:
    x = logits - logits.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(x).sum(axis=1)) - x[np.arange(len(x)), labels]))


def _temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Returns the temperature with the lowest loss; a weak prior keeps it near 1 where there are few rows."""

    def loss(temperature: float) -> float:
        return _crossentropy(logits / temperature, labels) * len(labels) + np.log(temperature) ** 2

    return float(min(TEMPERATURES, key=loss))


def _loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Returns the cross-entropy at the best temperature, so that a model that is too sure is not preferred."""
    return _crossentropy(logits / _temperature(logits, labels), labels)
