"""Greedy and beam search, each as a loop inside one compiled function."""

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
from keras import ops, tree

from zoo.backends.compile import compiled, program
from zoo.preprocessing.symbols import END, PAD, START, pad

WORST = -1e9  # score of a beam that must not be chosen
MANY = 2_000  # rows from which one compiled function per output length is faster on TensorFlow
AT_ONCE = 2  # batches decoded in parallel; each needs its own memory


def greedy(model, source, mask, length: int):
    """Take the most likely symbol at each step.

    Args:
        model: A sequence-to-sequence model: ``encode``, ``initial_state``, ``step``.
        source: Ids, ``(batch, source_time)``.
        mask: Booleans of the same shape.
        length: Maximum number of steps; the loop ends once every row has ended.

    Returns:
        Ids ``(batch, length)``, padded after the end token, and their log-probabilities ``(batch,)``.
    """
    memory = model.encode(source, mask)
    batch = ops.shape(source)[0]
    ids = ops.full((batch, length), PAD, dtype="int32")
    last = ops.full((batch,), START, dtype="int32")
    done = ops.zeros((batch,), dtype="bool")
    score = ops.zeros((batch,), dtype="float32")

    def running(t, ids, last, done, score, state):
        return ops.logical_and(t < length, ops.logical_not(ops.all(done)))

    def advance(t, ids, last, done, score, state):
        logits, _, state = model.step(last, state, memory)
        likely = ops.log_softmax(_writable(logits))
        chosen = ops.where(done, PAD, ops.cast(ops.argmax(likely, axis=-1), "int32"))
        score = score + ops.where(done, 0.0, ops.max(likely, axis=-1))
        ids = ops.where(ops.arange(length)[None] == t, chosen[:, None], ids)
        return t + 1, ids, chosen, ops.logical_or(done, chosen == END), score, state

    start = (ops.convert_to_tensor(0, "int32"), ids, last, done, score, model.initial_state(memory, length))
    _, ids, _, _, score, _ = ops.while_loop(running, advance, start)
    return ids, score


def beam(model, source, mask, length: int, beam_size: int):
    """Run beam search; the score of a hypothesis is its log-probability divided by its length.

    Args:
        model: A sequence-to-sequence model: ``encode``, ``initial_state``, ``step``.
        source: Ids, ``(batch, source_time)``.
        mask: Booleans of the same shape.
        length: Maximum number of steps; the loop ends once every beam has ended.
        beam_size: Number of hypotheses per row.

    Returns:
        Ids ``(batch, beam_size, length)``, best first, and their scores ``(batch, beam_size)``.
    """
    memory = model.encode(source, mask)
    state = model.initial_state(memory, length)
    batch = ops.shape(source)[0]
    memory, state = (tree.map_structure(lambda x: ops.repeat(x, beam_size, axis=0), y) for y in (memory, state))
    ids = ops.full((batch, beam_size, length), PAD, dtype="int32")
    last = ops.full((batch, beam_size), START, dtype="int32")
    done = ops.zeros((batch, beam_size), dtype="bool")
    # All beams are equal at the start: only the first may branch at the first step.
    score = ops.tile(ops.where(ops.arange(beam_size)[None] == 0, 0.0, WORST), (batch, 1))
    rows = ops.arange(batch)[:, None] * beam_size

    def running(t, ids, last, done, score, state):
        return ops.logical_and(t < length, ops.logical_not(ops.all(done)))

    def advance(t, ids, last, done, score, state):
        logits, _, state = model.step(ops.reshape(last, (-1,)), state, memory)
        likely = ops.log_softmax(_writable(logits))
        symbols = likely.shape[-1]
        likely = ops.reshape(likely, (batch, beam_size, symbols))
        # A hypothesis that has ended continues with padding at no cost.
        ended = ops.where(ops.arange(symbols) == PAD, 0.0, WORST)[None, None]
        likely = ops.where(done[..., None], ended, likely)
        score, flat = ops.top_k(ops.reshape(score[..., None] + likely, (batch, beam_size * symbols)), beam_size)
        parent = ops.cast(flat // symbols, "int32")
        chosen = ops.cast(flat % symbols, "int32")
        ids = ops.take_along_axis(ids, parent[..., None], axis=1)
        ids = ops.where(ops.arange(length)[None, None] == t, chosen[..., None], ids)
        done = ops.logical_or(ops.take_along_axis(done, parent, axis=1), chosen == END)
        kept = ops.reshape(rows + parent, (-1,))
        state = tree.map_structure(lambda x: ops.take(x, kept, axis=0), state)
        return t + 1, ids, chosen, done, score, state

    start = (ops.convert_to_tensor(0, "int32"), ids, last, done, score, state)
    _, ids, _, _, score, _ = ops.while_loop(running, advance, start)
    lengths = ops.cast(ops.sum(ops.cast(ids != PAD, "int32"), axis=-1), score.dtype)
    score, order = ops.top_k(score / ops.maximum(lengths, 1.0), beam_size)
    return ops.take_along_axis(ids, ops.cast(order, "int32")[..., None], axis=1), score


def _writable(logits):
    """Mask the two tokens that never occur in an output: padding and start."""
    symbols = ops.arange(logits.shape[-1])
    return ops.where(ops.logical_or(symbols == PAD, symbols == START), WORST, logits)


def _search(model, beam_size: int, length: int):
    """Returns the compiled search over sources ``(batch, time)``: greedy for beam size 1, else beam search."""

    def run(source):
        if beam_size == 1:
            return greedy(model, source, source != PAD, length)
        return beam(model, source, source != PAD, length, beam_size)

    return compiled(model, run)


class Decoder:
    """Decode lists of sources in batches of similar length.

    Args:
        model: A sequence-to-sequence model.
        length: Maximum output length in symbols, including the end token.
    """

    def __init__(self, model, length: int):
        self.model = model
        self.length = length

    def _function(self, beam_size: int, length: int):
        return program(self.model, _search, beam_size, length)

    def _few(self, max_length: int, rows: int) -> int:
        """Returns a length that bounds most outputs of such sources; one of few, to compile rarely."""
        cached = hasattr(self.model.config, "max_target")
        if not cached or (keras.backend.backend() == "tensorflow" and rows < MANY):
            return self.length
        return min(self.length, max(16, 1 << (max_length + 3).bit_length()))

    def __call__(self, sources, beam_size: int = 1, batch_size: int = 256, on_step=lambda count: None):
        """Decode all sources.

        A step of a Transformer reads and moves a cache as long as the maximum output. Therefore outputs may first be
        only a little longer than their sources; those that do not end by then are decoded again.

        Args:
            sources: Lists of source ids.
            beam_size: Number of beams; 1 is greedy.
            batch_size: Rows per batch; two batches are decoded in parallel if there are enough cores.
            on_step: Called with the number of finished rows after each batch.

        Returns:
            For each source, in order, its hypotheses, best first. A hypothesis has ids (without the end token) and a
            score, the log-probability divided by the number of ids including the end token. Greedy decoding has one
            hypothesis.
        """
        # Sorted by length, so that batches have little padding.
        order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
        outputs: list[list[tuple[list[int], float]]] = [[] for _ in sources]
        unended = []
        for rows, full_length in ((order, False), (unended, True)):
            batches = []
            for start in range(0, len(rows), batch_size):
                chosen = rows[start : start + batch_size]
                length = self.length if full_length else self._few(max(len(sources[i]) for i in chosen), len(rows))
                self._function(beam_size, length)  # created here, because two threads would create it twice
                batches.append((chosen, length))

            def run(batch):
                chosen, length = batch
                ids, scores = self._run([sources[i] for i in chosen], beam_size, length, batch_size)
                return chosen, ids, scores, (ids == END).any(-1).all(-1) | (length == self.length)

            with contextlib.closing(_at_once(run, batches)) as decoded:
                for chosen, ids, scores, ended in decoded:
                    for i, done, written, values in zip(chosen, ended, ids, scores, strict=True):
                        if done:
                            hypotheses = zip(written, values, strict=True)
                            outputs[i] = [(_until_end(x), float(value)) for x, value in hypotheses]
                        else:
                            unended.append(i)
                    on_step(int(ended.sum()))
        return outputs

    def _run(self, rows: list, beam_size: int, length: int, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the hypotheses of sources, ``(rows, beam_size, length)``, and their scores ``(rows, beam_size)``."""
        count, max_length = len(rows), max(map(len, rows))
        if keras.backend.backend() == "jax":
            # Few shapes: lengths are multiples of eight, batches powers of two; added rows hold one END.
            max_length = -(-max_length // 8) * 8
            rows = rows + [[END]] * (min(batch_size, 1 << (count - 1).bit_length()) - count)
        ids, scores = (
            ops.convert_to_numpy(x)[:count] for x in self._function(beam_size, length)(pad(rows, max_length))
        )
        if beam_size == 1:
            lengths = np.maximum((ids != PAD).sum(-1), 1)
            ids, scores = ids[:, None], (scores / lengths)[:, None]
        return ids, scores


def _at_once(run, batches: list):
    """Yield the result of ``run`` for each batch, in order; runs two in parallel if there are enough cores.

    The operations of a step are small, so a second core helps more with another batch than with the same one.
    """
    if min(_cores(), len(batches)) < AT_ONCE:
        yield from map(run, batches)
        return
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        yield from pool.map(run, batches)
    finally:  # cancels batches that have not started
        pool.shutdown(cancel_futures=True)


def _cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _until_end(row: np.ndarray) -> list[int]:
    ended = np.flatnonzero(row == END)
    return row[: ended[0] if len(ended) else len(row)].tolist()
