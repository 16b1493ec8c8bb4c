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

CHUNK = 32  # steps of one call of the compiled function
MAX_LENGTH = 1_000_000  # steps that can be asked for


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How the next step is drawn from the model's distribution.

    Attributes:
        temperature: Divides the logits: below 1 the distribution sharpens; 0 is greedy.
        top_k: Draw among this many most likely symbols; ``None`` is all.
        top_p: Draw among the fewest most likely symbols that together have this probability
            (Holtzman et al. 2020, arXiv 1904.09751); 1 is all.
        seed: Seed of the draws. On one backend the same seed gives the same continuation.

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
    """Raise InputError if ``length`` steps after ``known`` ones are out of range for a model."""
    if not 1 <= length <= MAX_LENGTH:
        raise InputError(f"length {length}: give 1 to {MAX_LENGTH:,}")
    max_length = model.backbone.max_length
    if max_length is not None and known + length > max_length:
        raise InputError(
            f"prompt and length are {known + length:,} steps, but this model's positions end at {max_length:,}"
        )


def filtered(logits, temperature, top_k, top_p):
    """Mask what is not drawn from: all but the ``top_k`` most likely, then all but the nucleus of ``top_p``.

    Args:
        logits: ``(batch, symbols)``.
        temperature: What they are divided by first; above 0.
        top_k: From 1 to the number of symbols. Of two equally likely at the border both stay.
        top_p: In (0, 1]; of what ``top_k`` has left. The most likely always stays.

    Returns:
        Logits of the same shape, ``WORST`` where barred.
    """
    logits = logits / temperature
    ordered = ops.flip(ops.sort(logits, axis=-1), axis=-1)
    place = ops.arange(logits.shape[-1], dtype="float32")[None]
    likely = ops.softmax(ops.where(place < top_k, ordered, WORST), axis=-1)
    # A symbol stays if those before it have less than top_p together.
    stays = ops.logical_and(place < top_k, ops.cumsum(likely, axis=-1) - likely < top_p)
    stays = ops.logical_or(stays, place == 0)
    least = ops.min(ops.where(stays, ordered, ops.max(ordered, axis=-1, keepdims=True)), axis=-1, keepdims=True)
    return ops.where(logits >= least, logits, WORST)


def draw_symbol(logits, noise, settings):
    """Draw ids ``(batch,)``: the largest sum of a logit and Gumbel noise is a draw from their softmax.

    ``settings`` are the temperature, ``top_k``, ``top_p`` and the id that the first logit stands for.
    """
    chosen = ops.argmax(filtered(logits, settings[0], settings[1], settings[2]) + noise, axis=-1)
    return ops.cast(chosen, "int32") + ops.cast(settings[3], "int32")


def draw_keys(logits, noise, settings):
    """Draw keys ``(batch, 88)``: logistic noise exceeds minus a logit with the logit's probability."""
    return ops.cast(logits / settings[0] + noise > 0, "float32")


def draw_noise(kind: str, outputs: int, temperature: float, seed: int) -> Iterator[np.ndarray]:
    """Yield the noise of each chunk, ``(CHUNK, outputs)``; none where the most likely is taken."""
    # Drawn here and handed in: then all backends draw the same.
    generator = np.random.default_rng(seed)
    while True:
        shape = (CHUNK, outputs)
        drawn = getattr(generator, kind)(size=shape) if temperature else np.zeros(shape)
        yield drawn.astype("float32")


def _runner(model, draw):
    """Returns the compiled function that goes ``CHUNK`` steps on.

    It takes the state, what was read or drawn last, the prompt's part ``(CHUNK, ...)`` of what is to follow,
    how many of its steps the prompt still has, noise and settings; and returns the next state and all that
    followed, ``(CHUNK, ...)``.
    """

    def run(state, last, given, known, noise, settings):
        flat = tree.flatten(state)

        def going(t, out, last, *flat):
            return t < CHUNK

        def advance(t, out, last, *flat):
            logits, after = model.step(last, tree.pack_sequence_as(state, list(flat)))
            drawn = draw(ops.cast(logits, "float32"), ops.take(noise, t, axis=0)[None], settings)
            last = ops.where(t < known, ops.take(given, t, axis=0)[None], drawn)
            here = ops.reshape(ops.arange(CHUNK) == t, (CHUNK, *[1] * (len(out.shape) - 1)))
            return t + 1, ops.where(here, last, out), last, *tree.flatten(after)

        start = (ops.convert_to_tensor(0, "int32"), ops.zeros_like(given), last, *flat)
        _, out, last, *flat = ops.while_loop(going, advance, start)
        return tree.pack_sequence_as(state, list(flat)), out

    return compiled(model, run, rank=None)


def continue_sequence(pipeline, prompt: np.ndarray, first: np.ndarray, length: int, settings, noise, draw):
    """Yield what comes after ``first`` and ``prompt (time, ...)``, in parts of up to ``CHUNK`` steps."""
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
