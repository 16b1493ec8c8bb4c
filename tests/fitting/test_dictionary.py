"""Further words for CMUdict: spellings, several models that write together, and the shipped words."""

import lzma
import re

import keras
import numpy as np
import pytest
from keras import ops

from zoo import datasets
from zoo.data.examples import Examples
from zoo.datasets.cmudict.cmudict import extension_words, hashed_words
from zoo.fitting import dictionary
from zoo.inference.decoding import Decoder
from zoo.models import registry


def model(seed: int):
    keras.utils.set_random_seed(seed)
    family = registry.find_seq2seq("lstm")
    return family.build(family.configure("tiny", source_vocab_size=9, target_vocab_size=8))


def likelihoods(one, source, target):
    """Returns the log-probabilities of each symbol, by teacher forcing."""
    return ops.log_softmax(one({"source": source, "source_mask": source > 0, "target": target}))


def test_models_that_write_together_take_the_mean_of_their_log_probabilities():
    models = [model(1), model(2)]
    source = np.array([[3, 5, 7, 2], [4, 8, 2, 0]])
    together = dictionary.Ensemble(models)
    ids, scores = Decoder(together, 6)._run([[3, 5, 7, 2], [4, 8, 2]], 1, 6, 2)
    target = np.concatenate([np.ones((2, 1), "int32"), ids[:, 0, :-1]], axis=1)
    mean = np.mean([ops.convert_to_numpy(likelihoods(one, source, target)) for one in models], axis=0)
    mean[..., :2] = -np.inf  # padding and start are never written
    mean -= np.log(np.exp(mean).sum(-1, keepdims=True))
    for row in range(2):
        length = (ids[row, 0] != 0).sum()
        assert ids[row, 0, :length].tolist() == mean[row, :length].argmax(-1).tolist()
        assert scores[row, 0] == pytest.approx(mean[row, :length].max(-1).mean(), rel=1e-4)


def test_a_model_alone_writes_what_it_writes_without_the_ensemble():
    one, rows = model(3), [[3, 4, 2], [8, 7, 6, 2]]
    alone = Decoder(one, 5)(rows, 3)
    together = Decoder(dictionary.Ensemble([one, one]), 5)(rows, 3)
    for expected, result in zip(alone, together, strict=True):
        assert [ids for ids, _ in result] == [ids for ids, _ in expected]
        assert [score for _, score in result] == pytest.approx([score for _, score in expected], rel=1e-4)


def ways(transducer, source: list[str], target: list[str]) -> float:
    """Returns the probability of a pair as the sum over all ways to write it as edits, by recursion."""
    if not source and not target:
        return 1.0
    chance, i, j = transducer.chances, transducer.sources, transducer.targets
    total = 0.0
    if source:
        total += chance[i[source[0]], 0] * ways(transducer, source[1:], target)
    if target:
        total += chance[0, j[target[0]]] * ways(transducer, source, target[1:])
    if source and target:
        total += chance[i[source[0]], j[target[0]]] * ways(transducer, source[1:], target[1:])
    return total


def test_a_transducer_sums_over_all_ways_to_edit_and_learns_the_pairs():
    pairs = [(list(a), list(b)) for a, b in [("ab", "AB"), ("ba", "BA"), ("aab", "AAB"), ("axb", "AB"), ("b", "BB")]]
    likelihoods = []
    for rounds in range(4):
        transducer = dictionary.Transducer(pairs, rounds)
        assert transducer.chances.sum() == pytest.approx(1)
        for source, target in pairs:
            expected = np.log(ways(transducer, source, target))
            assert transducer.log_probability(source, target) == pytest.approx(expected)
        likelihoods.append(sum(transducer.log_probability(*pair) for pair in pairs))
    assert likelihoods == sorted(likelihoods)  # expectation maximization never loses
    assert transducer.log_probability(["a", "b"], ["A", "B"]) > transducer.log_probability(["a", "b"], ["B", "A"]) + 3
    assert transducer.log_probability(["z"], ["A"]) == -np.inf


def test_the_pronunciation_that_fits_is_preferred_to_a_slightly_likelier_one():
    pairs = [(list(a), list(b)) for a, b in [("ab", "AB"), ("ba", "BA"), ("aab", "AAB"), ("bb", "BB")]]
    transducer = dictionary.Transducer(pairs, 5)
    assert dictionary.best_fit(transducer, "a b", [("B A", -1.0), ("A B", -1.5)]) == "A B"
    assert dictionary.best_fit(transducer, "a b", [("B A", -1.0), ("A B", -20.0)]) in ("B A", None)
    assert dictionary.best_fit(transducer, "a z", [("A B", -1.0)]) is None


def test_the_words_are_in_no_split_of_the_dictionary():
    words = extension_words()
    held_out = {dictionary.spelling(word) for part in ("validation", "test") for word in hashed_words()[part]}
    assert len(words) > 50_000
    assert not words.keys() & hashed_words()["train"].keys()
    assert not {dictionary.spelling(word) for word in words} & held_out


def test_the_pronunciations_are_arpabet_with_stress():
    symbols = {phone for texts in hashed_words()["train"].values() for text in texts for phone in text.split()}
    for word, [phones] in extension_words().items():
        assert set(phones.split()) <= symbols and re.fullmatch(r"[a-z'.-]+", word), word


def test_words_are_found_for_both_sources(tmp_path, monkeypatch):
    words = {"cat": "K AE1 T", "hat": "HH AE1 T", "fan": "F AE1 N"}
    parts = {
        ("cmudict", "train"): Examples(list(words), list(words.values()), ["made"] * len(words)),
        ("wikipron", "train"): Examples(
            [
                "<en-US>Cat",
                "<en-US>hat",
                "<en-GB>hat",
                "<en-GB>fat",
                "<de>Hut",
                "<en-US>ONeill",
                "<en-US>über",
                "<en-US>fan",
            ],
            ["k æ t", "h æ t", "h a t", "f æ t", "h uː t", "o n i l", "y", "f æ n"],
            ["made"] * 8,
        ),
    }
    empty = Examples(["o'neill"], ["OW0"], ["made"])
    monkeypatch.setattr(datasets, "load", lambda name, split: parts.get((name, split), empty))
    texts = [
        ("wikipedia", "train", "Wombats see wombats, O’Neill, café's caf and kiwis; kiwis"),
        ("books", "train", "emu emu"),
    ]
    monkeypatch.setattr(datasets, "local_copies", lambda name, files: {})
    monkeypatch.setattr(dictionary, "read", lambda paths: texts)
    asked = []

    def taught(words, beam_size, teachers):
        asked.append((words, beam_size, teachers))
        written = {"fat": "F AE1 T", "kiwis": "K IY1", "wombats": "W AA1 M"}
        return [[(written[word], -1.0)] * beam_size for word in words]

    monkeypatch.setattr(dictionary, "taught", taught)
    monkeypatch.setattr(dictionary, "MIN_FIT", -99.0)
    dictionary.main(str(tmp_path / "words.xz"))
    lines = lzma.decompress((tmp_path / "words.xz").read_bytes()).decode()
    assert lines == "fat\tF AE1 T\nkiwis\tK IY1\nwombats\tW AA1 M\n"
    assert asked == [
        (["fat"], dictionary.BEAM, dictionary.BEAM_TEACHERS),
        (["wombats", "kiwis"], 1, dictionary.TEACHERS),
    ]
    monkeypatch.setattr(dictionary, "MIN_PROBABILITY", 0.5)
    dictionary.main(str(tmp_path / "words.xz"))
    assert lzma.decompress((tmp_path / "words.xz").read_bytes()) == b"fat\tF AE1 T\n"


@pytest.mark.parametrize("word", ["o'neill", "O'Neill", "oneill", "o-neill"])
def test_spellings_that_differ_in_case_apostrophe_and_hyphen_are_equal(word):
    assert dictionary.spelling(word) == "oneill"
