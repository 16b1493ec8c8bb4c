"""A linear model on n-grams beside the network of a fine-tuned classifier."""

import dataclasses

import numpy as np
import pytest
from exported import close, numpy, run, sessions
from samples import reviews

import zoo
from zoo.data.examples import Examples
from zoo.fitting import ngram_model
from zoo.layers.hashing import pair_rows
from zoo.training.config import TrainingConfig

SHORT = TrainingConfig(epochs=1, min_steps=0, batch_size=16)
WORDS = [f"{a}{b}" for a in "bcdfgh" for b in "aeiou"]


def made(count: int, seed: int = 0) -> Examples:
    """Returns texts whose label says whether "not" stands before "good": a network of one epoch has not learned it."""
    generator = np.random.default_rng(seed)
    texts, labels = [], []
    for i in range(count):
        words = generator.choice(WORDS, 6).tolist()
        words[2:2] = ["not", "good"] if i % 2 else ["good", "not"]
        texts.append(" ".join(words))
        labels.append("bad" if i % 2 else "fine")
    return Examples(texts, labels, [f"made:{i}" for i in range(count)])


@pytest.fixture(scope="module")
def tuned():
    messages = []
    callbacks = dataclasses.replace(zoo.Callbacks(), on_message=messages.append)
    data = {"validation": made(120, 1), "test": made(60, 2), "training_config": SHORT, "callbacks": callbacks}
    with_them = zoo.fine_tune("gru_tiny", made(200), **data)
    return with_them, zoo.fine_tune("gru_tiny", made(200), **data, ngrams=False), messages


def accuracy(pipeline) -> float:
    return pipeline.document["metrics"][0]["values"]["accuracy"]["value"]


def test_pairs_of_words_are_learned_that_the_network_has_not_learned(tuned):
    with_them, without, messages = tuned
    assert accuracy(with_them) == 1 > accuracy(without)
    assert sum("n-grams: a linear model on them is added" in line for line in messages) == 1
    assert with_them.document["training"]["recipe"]["ngrams"] > 0
    assert "ngrams" not in without.document["training"]["recipe"]
    assert "ngrams/kernel" not in without.tensors()


def test_the_kernel_gives_the_logits_of_the_fitted_model(tuned):
    model, preprocessor = tuned[0].model, tuned[0].preprocessor
    kernel = np.array(tuned[0].tensors()["ngrams/kernel"])
    row = preprocessor.encode_input("good not bad")
    tokens = np.array([[*row, 0, 0], row + row[:2]], "int32")
    mask = np.arange(tokens.shape[1]) < np.array([[len(row)], [len(row) + 2]])
    expected = []
    for real in (row, row + row[:2]):
        pairs = [pair_rows(a, b, preprocessor.size, preprocessor.ngrams) for a, b in zip(real, real[1:], strict=False)]
        expected.append((kernel[real].sum(axis=0) + kernel[pairs].sum(axis=0)) / np.sqrt(len(real)))
    assert close(numpy(model.ngrams(tokens, mask)), np.array(expected))
    assert close(ngram_model._counts([row], preprocessor.size, preprocessor.ngrams) @ kernel, np.array(expected[:1]))


def test_it_is_saved_loaded_and_exported(tuned, tmp_path):
    texts = made(5, 3).inputs
    expected = tuned[0].predict(texts, probabilities=True)
    tuned[0].save(tmp_path / "mine")
    loaded = zoo.load(tmp_path / "mine")
    assert loaded.predict(texts, probabilities=True) == expected
    result = sessions(loaded.model, loaded.spec)
    rows = [loaded.preprocessor.encode_input(text) for text in texts]
    tokens = np.zeros((5, max(map(len, rows)) + 3), "int32")
    for tokens_row, row in zip(tokens, rows, strict=True):
        tokens_row[: len(row)] = row
    inputs = {"tokens": tokens, "mask": tokens > 0}
    assert close(run(result["model.onnx"], inputs)["logits"], numpy(loaded.model(inputs)))


def test_fine_tuning_it_again_begins_without_them(tuned):
    again = zoo.fine_tune(tuned[0], reviews(), training_config=SHORT, ngrams=False)
    assert again.preprocessor.ngrams == 0 and "ngrams/kernel" not in again.tensors()


def test_they_are_left_out_where_they_do_not_lower_the_loss(tuned):
    train = made(200)
    messages = []
    opposite = made(120, 1)
    opposite = dataclasses.replace(opposite, targets=["fine" if x == "bad" else "bad" for x in opposite.targets])
    model = ngram_model.fit(tuned[1], train, 0)
    same, share = ngram_model.with_ngrams(tuned[1], model, opposite, messages.append)
    assert same is tuned[1] and share == 0 and "left out" in messages[0]


def test_with_few_validation_rows_the_share_depends_on_what_the_ngrams_know(tuned):
    train, few = made(60), made(20, 1)
    generator = np.random.default_rng(0)
    noise = dataclasses.replace(train, targets=generator.permutation(train.targets).tolist())

    def added(rows):
        return ngram_model.with_ngrams(tuned[1], ngram_model.fit(tuned[1], rows, 0), few, lambda line: None)

    knowing, guessing = added(train), added(noise)
    assert knowing[1] > 3 * guessing[1] > 0
    test = made(60, 2)
    right = np.mean([a == b for a, b in zip(knowing[0].predict(test.inputs), test.targets, strict=True)])
    assert right > 0.9
    one = train.select([0, 1])  # each label has one row: nothing can be held out
    assert added(one)[1] == 1


@pytest.mark.parametrize("name", ["hierarchical_attention_network_tiny", "gru_tiny"])
def test_documents_and_numbers_have_none(name):
    data, task = made(60), "classification"
    if name == "gru_tiny":
        data, task = dataclasses.replace(data, targets=[float(i) for i in range(60)]), "regression"
    data = dataclasses.replace(data, inputs=[f"{text}. So it is." for text in data.inputs])
    result = zoo.fine_tune(name, data, task=task, training_config=SHORT)
    assert "ngrams" not in result.document["training"]["recipe"]
