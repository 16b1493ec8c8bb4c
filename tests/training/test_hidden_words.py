"""Training on texts with some words hidden: which, when, and from whom."""

import numpy as np
import pytest
from samples import reviews

from zoo.data.examples import Examples
from zoo.fitting.setup import fresh
from zoo.preprocessing.subwords import UNKNOWN
from zoo.tasks import find_task
from zoo.training.augmentation import WORD_DROPOUT, word_dropout
from zoo.training.config import TrainingConfig


def tagged() -> Examples:
    tags = [" ".join("BO"[i % 2] for i in range(len(text.split()))) for text in reviews().inputs]
    return Examples(reviews().inputs, tags, reviews().locations)


CASES = [
    ("classification", "gru", reviews),
    ("classification", "hierarchical_attention_network", reviews),
    ("tagging", "gru", tagged),
]


def test_a_tenth_is_hidden_and_padding_never():
    ids = np.tile([5, 6, 7, 0], (2_000, 1))
    hidden = word_dropout(ids, np.random.default_rng(1))
    assert hidden.dtype == ids.dtype and not hidden[:, 3].any()
    changed = hidden != ids
    assert (hidden[changed] == UNKNOWN).all() and abs(changed[:, :3].mean() - WORD_DROPOUT) < 0.02


@pytest.mark.parametrize("task,architecture,made", CASES)
def test_other_words_in_each_epoch_and_the_same_answers(task, architecture, made):
    result = find_task(task)
    pipeline = fresh(result, architecture, "tiny", made(), seed=1)
    plain, varied = (
        result.batches(pipeline.preprocessor, made(), TrainingConfig(batch_size=8, augment=augment))
        for augment in (False, True)
    )

    def tokens(batches, epoch, start=0):
        return [inputs["tokens"] for inputs, _, _ in batches.epoch(epoch, start)]

    assert sum((a != b).sum() for a, b in zip(tokens(plain, 0), tokens(varied, 0), strict=True)) > 0
    assert all(np.array_equal(a, b) for a, b in zip(tokens(varied, 1)[2:], tokens(varied, 1, start=2), strict=True))
    (first, answer, _), (_, same, _) = (next(batches.epoch(0)) for batches in (varied, plain))
    assert repr(answer) == repr(same)
    assert np.array_equal(first["mask"], first["tokens"] > 0), "hidden words are still there"
    (again, _, _), (later, _, _) = next(varied.epoch(0)), next(varied.epoch(1))
    assert np.array_equal(first["tokens"], again["tokens"])
    assert first["tokens"].shape != later["tokens"].shape or (first["tokens"] != later["tokens"]).any()
