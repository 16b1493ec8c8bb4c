"""Greedy and beam search against plain Python, a step at a time."""

import functools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from keras import ops, tree

from zoo.backends.compile import compiled
from zoo.inference.decoding import Decoder
from zoo.models import registry
from zoo.preprocessing.symbols import END, PAD, START

LENGTH = 7
SOURCES = [[3, 4, 5, END], [6, END], [7, 3, 3, 8, 4, 5, 6, 7, 8, 3, END], [5, 5, END]]


@pytest.fixture(scope="module", params=[("gru", 4.0), ("transformer", 2.5)], ids=["gru", "transformer"])
def model(request):
    keras.utils.set_random_seed(5)
    name, factor = request.param
    architecture = registry.find_seq2seq(name)
    made = architecture.build(architecture.configure("tiny", source_vocab_size=9, target_vocab_size=8))
    for variable in made.weights:  # fresh logits hardly differ; larger weights make searches diverge
        variable.assign(ops.convert_to_numpy(variable.value) * factor)
    return made


@functools.cache
def teacher_forced(model):
    """Returns the whole-sequence call, compiled: eager TensorFlow would trace its loops anew each time."""

    def call(source, target):
        return model({"source": source, "source_mask": source > 0, "target": target})

    return compiled(model, call)


def likelihoods(model, source, prefix) -> np.ndarray:
    """Log-probabilities of the next symbol by teacher forcing, without any cache or loop."""
    out = teacher_forced(model)(np.array([source], "int32"), np.array([[START, *prefix]], "int32"))
    out = ops.convert_to_numpy(out)[0, -1].astype("float64")
    out[[PAD, START]] = -np.inf
    return out - np.log(np.exp(out).sum())


def plain_beam(model, source, beam_size) -> list[int]:
    beams = [([], 0.0)]
    for _ in range(LENGTH):
        grown = []
        for ids, score in beams:
            if ids and ids[-1] == END:
                grown.append((ids, score))
                continue
            likely = likelihoods(model, source, ids)
            grown += [([*ids, i], score + likely[i]) for i in range(len(likely)) if np.isfinite(likely[i])]
        beams = sorted(grown, key=lambda beam: -beam[1])[:beam_size]
    best = max(beams, key=lambda beam: beam[1] / len(beam[0]))[0]
    return best[:-1] if best[-1] == END else best


@pytest.mark.parametrize("beam_size", [1, 2, 4])
def test_search_equals_plain_python(model, beam_size):
    decoded = Decoder(model, LENGTH)(SOURCES, beam_size=beam_size)
    assert [len(hypotheses) for hypotheses in decoded] == [beam_size] * len(SOURCES)
    outputs = [hypotheses[0][0] for hypotheses in decoded]
    assert outputs == [plain_beam(model, source, beam_size) for source in SOURCES]
    assert len(set(map(tuple, outputs))) > 1, "every source gave the same output: the test shows nothing"


@pytest.mark.parametrize("beam_size", [1, 2])
def test_outputs_far_longer_than_their_sources_are_written_whole(model, beam_size, monkeypatch):
    """What has not ended within a length that most outputs keep to is decoded anew."""
    monkeypatch.setattr("zoo.inference.decoding.MANY", 1)
    counts = []
    decoded = Decoder(model, 20)(SOURCES, beam_size=beam_size, on_step=counts.append)
    assert max(len(ids) for hypotheses in decoded for ids, _ in hypotheses) > 16
    assert sum(counts) == len(SOURCES)
    monkeypatch.setattr(Decoder, "_few", lambda self, max_length, rows: self.length)
    at_once = Decoder(model, 20)(SOURCES, beam_size=beam_size)
    assert [[ids for ids, _ in x] for x in decoded] == [[ids for ids, _ in x] for x in at_once]
    np.testing.assert_allclose(*([score for x in y for _, score in x] for y in (decoded, at_once)), atol=1e-5)


def test_batch_size_and_order_change_nothing(model):
    decoder = Decoder(model, LENGTH)

    def decode(sources, **options):
        return [[ids for ids, _ in hypotheses] for hypotheses in decoder(sources, beam_size=3, **options)]

    one_by_one = [decode([source])[0] for source in SOURCES]
    assert decode(SOURCES, batch_size=2) == one_by_one
    assert decode(SOURCES[::-1])[::-1] == one_by_one


@pytest.mark.parametrize("beam_size", [1, 3])
def test_scores_are_the_likelihoods_of_the_hypotheses_by_their_length(model, beam_size):
    for source, hypotheses in zip(SOURCES, Decoder(model, LENGTH)(SOURCES, beam_size=beam_size), strict=True):
        assert [score for _, score in hypotheses] == sorted((score for _, score in hypotheses), reverse=True)
        for ids, score in hypotheses:
            written = [*ids, END][:LENGTH]
            total = sum(likelihoods(model, source, written[:i])[written[i]] for i in range(len(written)))
            assert score == pytest.approx(total / len(written), abs=1e-4)


def test_decoding_sees_new_weights(model):
    decode = Decoder(model, LENGTH)
    before = decode(SOURCES)
    kept = [ops.convert_to_numpy(v.value) for v in model.weights]
    for variable in model.weights:
        variable.assign(-ops.convert_to_numpy(variable.value))
    changed = decode(SOURCES)
    for variable, value in zip(model.weights, kept, strict=True):
        variable.assign(value)
    assert changed != before
    assert decode(SOURCES) == before


def test_progress_counts_every_source(model):
    counts = []
    Decoder(model, LENGTH)(SOURCES, batch_size=3, on_step=counts.append)
    assert counts == [3, 1]


def test_states_keep_the_batch_first(model):
    source = ops.ones((2, 4), dtype="int32")
    memory = model.encode(source, source > 0)
    assert {x.shape[0] for x in tree.flatten(model.initial_state(memory))} == {2}


def test_batches_side_by_side_say_what_one_after_the_other_does(model, monkeypatch):
    decoder, sources = Decoder(model, LENGTH), [source for source in SOURCES for _ in range(3)]
    threads, run = set(), Decoder._run
    monkeypatch.setattr(Decoder, "_run", lambda *x: (threads.add(threading.get_ident()), time.sleep(0.05), run(*x))[-1])

    def decode(cores):
        threads.clear()
        monkeypatch.setattr("zoo.inference.decoding._cores", lambda: cores)
        counts = []
        return decoder(sources, beam_size=2, batch_size=2, on_step=counts.append), counts, len(threads)

    (one, counts, by), (two, others, by_two) = decode(1), decode(2)
    assert (by, by_two) == (1, 2)
    assert one == two
    assert counts == others == [2] * 6


def test_what_is_cut_short_begins_no_further_batch(model, monkeypatch):
    begun, run, shut = [], Decoder._run, threading.Event()

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait=True, *, cancel_futures=False):
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            shut.set()
            super().shutdown(wait=wait)

    def counted(*arguments):
        """Run the first two batches; those after them wait until the pool shuts down, however slow the main thread."""
        begun.append(1)
        assert len(begun) <= 2 or shut.wait(60)
        return run(*arguments)

    monkeypatch.setattr(Decoder, "_run", counted)
    monkeypatch.setattr("zoo.inference.decoding._cores", lambda: 2)
    monkeypatch.setattr("zoo.inference.decoding.ThreadPoolExecutor", Pool)

    def stop(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Decoder(model, LENGTH)(SOURCES * 25, batch_size=1, on_step=stop)
    assert len(begun) <= 4  # two, and two that had begun to wait
