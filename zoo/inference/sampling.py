"""Sampling: continue a sequence step by step inside one compiled function."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from keras import ops, tree

from zoo.backends.compile import compiled, program
from zoo.errors import InputError
from zoo.inference.decoding import WORST
from zoo.limits import MAX_SEED

CHUNK = 32  # steps per call of the compiled function
MAX_LENGTH = 1_000_000  # maximum steps of a request


@dataclasses.dataclass(frozen=True)
class Sampling:
    """Sampling settings.

    Attributes:
        temperature: Divisor of the logits: values below 1 sharpen the distribution; 0 is greedy.
        top_k: Sample from this number of most likely symbols; ``None`` means all.
        top_p: Sample from the smallest set of most likely symbols with this total probability (Holtzman et al. 2020,
            arXiv 1904.09751); 1 means all.
        seed: Random seed. On one backend the same seed gives the same continuation.

    Raises:
        InputError: A setting is out of range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self):
        if self.temperature != 0 and not 0.01 <= self.temperature <= 100:
            raise InputError(f"temperature {self.temperature:g}: give 0, which takes the likeliest, or 0.01 to 100")
        if not 0 < self.top_p <= 1:
            raise InputError(f"top-p {self.top_p:g}: give a probability above 0, at most 1")
        if not 0 <= self.seed <= MAX_SEED:
            raise InputError(f"seed {self.seed}: give 0 to {MAX_SEED}")


def check_length(model: Any, length: int, known: int) -> None:
    """Raise InputError if a model cannot run ``length`` steps after ``known`` ones."""
    if not 1 <= length <= MAX_LENGTH:
        raise InputError(f"length {length}: give 1 to {MAX_LENGTH:,}")
    max_length = model.backbone.max_length
    if max_length is not None and known + length > max_length:
        raise InputError(
            f"prompt and length are {known + length:,} steps, but this model's positions end at {max_length:,}"
        )


def filtered(logits, temperature, top_k, top_p):
    """Keep the ``top_k`` most likely symbols, then the nucleus of ``top_p``, and mask all others.

    Args:
        logits: ``(batch, symbols)``.
        temperature: Divisor of the logits, above 0.
        top_k: From 1 to the number of symbols. Symbols that tie with the last one stay.
        top_p: In (0, 1], applied to the result of ``top_k``. The most likely symbol always stays.

    Returns:
        Logits of the same shape, ``WORST`` where masked.
    """
    logits = logits / temperature
    ordered = ops.flip(ops.sort(logits, axis=-1), axis=-1)
    place = ops.arange(logits.shape[-1], dtype="float32")[None]
    likely = ops.softmax(ops.where(place < top_k, ordered, WORST), axis=-1)
    # A symbol stays if those before it have a total probability below top_p.
    stays = ops.logical_and(place < top_k, ops.cumsum(likely, axis=-1) - likely < top_p)
    stays = ops.logical_or(stays, place == 0)
    least = ops.min(ops.where(stays, ordered, ops.max(ordered, axis=-1, keepdims=True)), axis=-1, keepdims=True)
    return ops.where(logits >= least, logits, WORST)


def draw_symbol(logits, noise, settings):
    """Sample ids ``(batch,)`` with the Gumbel-max trick: the largest sum of a logit and Gumbel noise.

    ``settings`` are the temperature, ``top_k``, ``top_p`` and the id of the first logit.
    """
    chosen = ops.argmax(filtered(logits, settings[0], settings[1], settings[2]) + noise, axis=-1)
    return ops.cast(chosen, "int32") + ops.cast(settings[3], "int32")


def draw_keys(logits, noise, settings):
    """Sample keys ``(batch, 88)``: logistic noise exceeds minus a logit with the logit's probability."""
    return ops.cast(logits / settings[0] + noise > 0, "float32")


def draw_noise(kind: str, outputs: int, temperature: float, seed: int) -> Iterator[np.ndarray]:
    """Yield the noise of each chunk, ``(CHUNK, outputs)``; zeros for greedy decoding."""
    # NumPy draws the noise, so it is the same on all backends.
    generator = np.random.default_rng(seed)
    while True:
        shape = (CHUNK, outputs)
        drawn = getattr(generator, kind)(size=shape) if temperature else np.zeros(shape)
        yield drawn.astype("float32")


def _runner(model, draw):
    """Returns the compiled function that runs ``CHUNK`` steps.

    Its arguments are the state, the last symbol read or drawn, the prompt's part of the next steps ``(CHUNK, ...)``,
    the number of steps that the prompt still has, noise and settings. It returns the next state and all steps,
    ``(CHUNK, ...)``.
    """

    def run(state, last, given, known, noise, settings):
        flat = tree.flatten(state)

        def going(t, out, last, *flat):
            return t < CHUNK

        def advance(t, out, last, *flat):
            logits, after = model.step(last, tree.pack_sequence_as(state, list(flat)))
            drawn = draw(ops.cast(logits, "float32"), ops.take(noise, t, axis=0)[None], settings)
            last = ops.where(t < known, ops.take(given, t, axis=0)[None], drawn)
            at_step = ops.reshape(ops.arange(CHUNK) == t, (CHUNK, *[1] * (len(out.shape) - 1)))
            return t + 1, ops.where(at_step, last, out), last, *tree.flatten(after)

        start = (ops.convert_to_tensor(0, "int32"), ops.zeros_like(given), last, *flat)
        _, out, last, *flat = ops.while_loop(going, advance, start)
        return tree.pack_sequence_as(state, list(flat)), out

    return compiled(model, run, rank=None)


def continue_sequence(pipeline, prompt: np.ndarray, first: np.ndarray, length: int, settings, noise, draw):
    """Yield the continuation of ``first`` and ``prompt (time, ...)``, in parts of up to ``CHUNK`` steps."""
    run = program(pipeline.model, _runner, draw)
    state, last = pipeline.model.initial_state(1), first
    for done in range(0, len(prompt) + length, CHUNK):
        given = np.zeros((CHUNK, *prompt.shape[1:]), prompt.dtype)
        part = prompt[done : done + CHUNK]
        given[: len(part)] = part
        arguments = (last, given, np.array(len(part), "int32"), next(noise), settings)
        state, out = run(state, *(ops.convert_to_tensor(x) for x in arguments))
        out = ops.convert_to_numpy(out)
        last = out[-1:]
        new = out[len(part) : len(prompt) + length - done]
        if len(new):
            yield new
