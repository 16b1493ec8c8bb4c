"""Fit a linear model on n-grams beside a fine-tuned classifier, where the validation part says that it helps.

Bags of n-grams are a strong model of texts of which there are few (Wang & Manning 2012, "Baselines and bigrams"), and
their errors differ from those of a network. The logits of both are added.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from zoo.data.examples import Examples
from zoo.fitting.linear_model import choose_strength, fit_logistic, out_of_fold
from zoo.layers.hashing import BUCKETS, MAX_VOCABULARY, pair_rows
from zoo.models.heads import Classifier
from zoo.pipeline import Pipeline
from zoo.preprocessing.text import TextPreprocessor

STRENGTHS = (0.1, 1.0, 10.0)  # strengths of the linear model, as scikit-learn's C
FOLDS = 3
SHARES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)  # sizes of its logits relative to those of the network
TEMPERATURES = np.geomspace(0.1, 16, 60)
ENOUGH = 100  # with fewer validation rows each model has the size at which its own logits are calibrated


def with_ngrams(
    pipeline: Pipeline, train: Examples, validation: Examples, seed: int, on_message: Callable[[str], None]
) -> tuple[Pipeline, float]:
    """Returns a classifier with a linear model on n-grams beside its network, and the share of that model's logits.

    Args:
        pipeline: A fine-tuned model. Only classifiers of flat texts can have n-grams; others are returned unchanged.
        train: The training part, on which the linear model is fitted.
        validation: The validation part, whose loss chooses the share. 0 returns the pipeline unchanged. If it is small,
            both models are calibrated instead, each at its own temperature (Guo et al. 2017, arXiv 1706.04599): the
            network on the validation part, and the linear model on the training part by cross-validation.
        seed: Seed of the folds.
        on_message: Called with a note on the choice.
    """
    preprocessor = pipeline.preprocessor
    flat = isinstance(preprocessor, TextPreprocessor) and preprocessor.sentences is None
    if not (flat and isinstance(pipeline.model, Classifier) and preprocessor.size <= MAX_VOCABULARY):
        return pipeline, 0.0
    kernel, bias, held_out = fit(pipeline, train, seed)
    deep = np.log(np.maximum(_probabilities(pipeline, validation.inputs), 1e-9))
    wide = _counts(preprocessor.encode_inputs(validation.inputs), preprocessor.size) @ kernel + bias
    # the size of the linear model's logits that equals that of the network's
    scale = float(_spread(deep) / max(_spread(wide), 1e-6))
    labels = np.array([preprocessor.encode_target(label) for label in validation.targets])
    if len(labels) >= ENOUGH:
        losses = {share: _loss(deep + share * scale * wide, labels) for share in SHARES}
        share = min(SHARES, key=lambda one: losses[one])
    else:
        share = _temperature(deep, labels) * held_out / max(_spread(deep), 1e-6) if held_out else 1.0
    if not share:
        on_message("n-grams: no lower loss on the validation part with a linear model on them; left out")
        return pipeline, 0.0
    on_message(f"n-grams: a linear model on them is added, with {share:.2g} times the size of the network's logits")
    changed = dataclasses.replace(preprocessor, ngrams=BUCKETS)
    result = Pipeline(dataclasses.replace(pipeline.spec, preprocessor=changed.to_json()), pipeline.document)
    tensors = pipeline.tensors()
    tensors["head/bias"] = tensors["head/bias"] + (share * scale * bias).astype("float32")
    result.assign({**tensors, "ngrams/kernel": (share * scale * kernel).astype("float32")}, "fine-tuned weights")
    return result, share


def fit(pipeline: Pipeline, train: Examples, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Fit logistic regression on the n-grams of the training texts, weighted by their rarity.

    The strength is the one with the lowest loss in cross-validation.

    Args:
        pipeline: A classifier of flat texts.
        train: Texts and labels.
        seed: Seed of the folds.

    Returns:
        The kernel ``(vocab_size + BUCKETS, labels)``, the bias ``(labels,)``, and the size of calibrated logits of rows
        that the model was not fitted on; 0 if a label has one row only.
    """
    preprocessor = pipeline.preprocessor
    counts = _counts(preprocessor.encode_inputs(train.inputs), preprocessor.size)
    labels = np.array([preprocessor.encode_target(label) for label in train.targets])
    # inverse document frequency; an n-gram of no text keeps a kernel of zeros
    rarity = np.log((1 + len(labels)) / (1 + np.asarray((counts > 0).sum(axis=0))[0])) + 1
    weighted = counts.multiply(rarity).tocsr()
    strength = choose_strength(weighted, labels, STRENGTHS, FOLDS, seed)
    kernel, bias = fit_logistic(weighted, labels, len(preprocessor.labels), strength)
    held_out = out_of_fold(weighted, labels, len(preprocessor.labels), strength, FOLDS, seed)
    size = _spread(held_out) / _temperature(held_out, labels) if held_out is not None else 0.0
    return kernel * rarity[:, None], bias, size


def _counts(rows: list[list[int]], vocab_size: int):
    """Returns a sparse matrix: the n-grams of each text, divided by the square root of its length."""
    from scipy.sparse import csr_matrix

    columns, values, ends = [], [], [0]
    for row in rows:
        tokens = np.array(row, "int64")
        columns += [tokens, pair_rows(tokens[:-1], tokens[1:], vocab_size, BUCKETS)]
        values.append(np.full(2 * len(row) - 1, len(row) ** -0.5))
        ends.append(ends[-1] + 2 * len(row) - 1)
    shape = (len(rows), vocab_size + BUCKETS)
    matrix = csr_matrix((np.concatenate(values), np.concatenate(columns), ends), shape=shape)
    matrix.sum_duplicates()
    return matrix


def _probabilities(pipeline: Pipeline, texts: list[str]) -> np.ndarray:
    predictions = pipeline.predict(texts, probabilities=True)
    return np.array([[row[label] for label in pipeline.preprocessor.labels] for row in predictions])


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
