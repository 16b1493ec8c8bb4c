"""Going on with a text or a piece of music, step by step inside one compiled function."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops, tree

from zoo.decoding import WORST, compiled
from zoo.errors import InputError
from zoo.next_step import KEYS, UNSEEN

if TYPE_CHECKING:
    from zoo.pipeline import Pipeline

CHUNK = 32  # steps of one call of the compiled function
LONGEST = 1_000_000  # steps that can be asked for


def generate(
    pipeline: "Pipeline",
    prompt: Any = "",
    length: int = 200,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    seed: int = 0,
) -> Any:
    """Returns what ``stream`` yields, put together: a text, or frames of MIDI notes. The prompt is not part of it."""
    parts = stream(pipeline, prompt, length, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed)
    if pipeline.spec.task == "language_modelling":
        return "".join(parts)
    return [frame for part in parts for frame in part]


def stream(
    pipeline: "Pipeline",
    prompt: Any = "",
    length: int = 200,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    seed: int = 0,
) -> Iterator[Any]:
    """Goes on with a prompt, and yields what comes as it comes.

    The model reads the prompt and its own words through one state, so that it sees as far back as it can at
    any step. On one backend the same seed gives the same continuation.

    Args:
        pipeline: A model of characters or of music.
        prompt: A text, which may be empty; or a piece as ``MusicPreprocessor`` takes it, of at least one frame.
        length: Characters or frames to add.
        temperature: What logits are divided by: below 1 the likely becomes likelier still; 0 takes the likeliest.
        top_k: Of how many of the likeliest characters one is drawn; ``None`` is of all.
        top_p: One is drawn of the fewest likeliest characters that together have this probability
            (Holtzman et al. 2020, arXiv 1904.09751); 1 is of all.
        seed: Seed of the draws.

    Yields:
        Texts, or lists of frames, each a list of MIDI notes.

    Raises:
        InputError: The model is of another task, the prompt has characters that it does not know, or a
            setting is out of range.
    """
    # All checks here, and not once the first part is asked for.
    _check_settings(pipeline, length, temperature, top_k, top_p, seed)
    if pipeline.spec.task == "language_modelling":
        symbols = len(pipeline.preprocessor.symbols)
        ids = pipeline.preprocessor.encode_input(prompt) if prompt else np.zeros(0, "int32")
        _check_reach(pipeline, len(ids) + length)
        settings = np.array([temperature or 1, top_k or symbols, top_p], "float32")
        return _characters(pipeline, ids, length, settings, _noise("gumbel", symbols, temperature, seed))
    roll = pipeline.preprocessor.encode_input(prompt)
    _check_reach(pipeline, len(roll) - 1 + length)
    settings = np.array([temperature or 1], "float32")
    return _frames(pipeline, roll, length, settings, _noise("logistic", KEYS, temperature, seed))


def _check_settings(pipeline, length, temperature, top_k, top_p, seed) -> None:
    if pipeline.spec.task not in ("language_modelling", "music_modelling"):
        raise InputError(
            f"{pipeline.spec.architecture} is a model of {pipeline.spec.task}, which does not say what comes next:"
            " choose one of language_modelling or music_modelling"
        )
    if not 1 <= length <= LONGEST:
        raise InputError(f"length {length}: give 1 to {LONGEST:,}")
    if temperature != 0 and not 0.01 <= temperature <= 100:
        raise InputError(f"temperature {temperature:g}: give 0, which takes the likeliest, or 0.01 to 100")
    if not 0 < top_p <= 1:
        raise InputError(f"top-p {top_p:g}: give a probability above 0, at most 1")
    if seed < 0:
        raise InputError(f"seed {seed}: give 0 or more")
    if pipeline.spec.task == "music_modelling":
        if top_k is not None or top_p != 1:
            raise InputError("top-k and top-p choose among characters: music, whose keys are independent, has neither")
    elif top_k is not None and not 1 <= top_k <= len(pipeline.preprocessor.symbols):
        raise InputError(f"top-k {top_k}: give 1 to {len(pipeline.preprocessor.symbols)}, as many as there are symbols")


def _check_reach(pipeline, steps: int) -> None:
    longest = pipeline.model.backbone.longest
    if longest is not None and steps > longest:
        raise InputError(f"prompt and length are {steps:,} steps, but this model's positions end at {longest:,}")


def filtered(logits, temperature, top_k, top_p):
    """Bars what is not drawn from: all but the ``top_k`` likeliest, then all but the nucleus of ``top_p``.

    Args:
        logits: ``(batch, symbols)``.
        temperature: What they are divided by first; above 0.
        top_k: From 1 to the number of symbols. Of two equally likely at the border both stay.
        top_p: In (0, 1]; of what ``top_k`` has left. The likeliest always stays.

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


def _draw_symbol(logits, noise, settings):
    """Draws ids ``(batch,)``: the largest sum of a logit and Gumbel noise is a draw from their softmax."""
    chosen = ops.argmax(filtered(logits, settings[0], settings[1], settings[2]) + noise, axis=-1)
    return ops.cast(chosen, "int32") + 1  # output i is the symbol with the id i + 1


def _draw_keys(logits, noise, settings):
    """Draws keys ``(batch, 88)``: logistic noise exceeds minus a logit with the logit's probability."""
    return ops.cast(logits / settings[0] + noise > 0, "float32")


def _noise(kind: str, outputs: int, temperature: float, seed: int) -> Iterator[np.ndarray]:
    """Yields the noise of each chunk, ``(CHUNK, outputs)``; none where the likeliest is taken."""
    # Drawn here and handed in: then all backends draw the same.
    generator = np.random.default_rng(seed)
    while True:
        shape = (CHUNK, outputs)
        drawn = getattr(generator, kind)(size=shape) if temperature else np.zeros(shape)
        yield drawn.astype("float32")


def _runner(pipeline, draw):
    """Returns the compiled function that goes ``CHUNK`` steps on.

    It takes the state, what was read or drawn last, the prompt's part ``(CHUNK, ...)`` of what is to follow,
    how many of its steps the prompt still has, noise and settings; and returns the next state and all that
    followed, ``(CHUNK, ...)``.
    """
    model = pipeline.model

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


def _go_on(pipeline, prompt: np.ndarray, first: np.ndarray, length: int, settings, noise, draw):
    """Yields what comes after ``first`` and ``prompt (time, ...)``, in parts of up to ``CHUNK`` steps."""
    run = pipeline.once("generate", lambda: _runner(pipeline, draw))
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


def _characters(pipeline, ids, length, settings, noise) -> Iterator[str]:
    first = np.array([UNSEEN], "int32")
    for part in _go_on(pipeline, ids, first, length, settings, noise, _draw_symbol):
        yield pipeline.preprocessor.decode(part)


def _frames(pipeline, roll, length, settings, noise) -> Iterator[list[list[int]]]:
    # The first frame is read and never predicted, so it stands before the first step.
    for part in _go_on(pipeline, roll[1:], roll[:1], length, settings, noise, _draw_keys):
        yield pipeline.preprocessor.decode(part > 0.5)
