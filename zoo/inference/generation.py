"""Generation: continue a text or a piece of music with a next-step model."""

from collections.abc import Iterator
from typing import Any

from zoo.backends.process import claim_process
from zoo.inference.sampling import Sampling


def generate(pipeline: Any, prompt: Any = "", length: int = 200, **settings: Any) -> Any:
    """Returns the joined parts of ``stream``, without the prompt: a text, or frames of MIDI notes.

    Example:
        >>> import zoo
        >>> writer = zoo.load("gru_small.tiny_shakespeare")
        >>> text = zoo.generate(writer, "ROMEO:", 20, seed=7)
        >>> len(text)
        20
    """
    return pipeline.task.join(stream(pipeline, prompt, length, **settings))


def stream(pipeline: Any, prompt: Any = "", length: int = 200, **settings: Any) -> Iterator[Any]:
    """Continue a prompt and yield the parts as they are generated.

    The prompt and the output pass through one state, so each step uses the model's full context.

    Args:
        pipeline: A language or music model.
        prompt: A text, possibly empty; or a piece of at least one frame, as ``MusicPreprocessor`` takes it.
        length: Characters or frames to generate.
        **settings: ``temperature``, ``top_k``, ``top_p`` and ``seed``: see ``zoo.inference.sampling.Sampling``.

    Yields:
        Texts, or lists of frames, each a list of MIDI notes.

    Raises:
        InputError: The task generates nothing, the prompt has unknown characters, or a setting is out of range.

    Example:
        >>> import zoo
        >>> writer = zoo.load("gru_small.tiny_shakespeare")
        >>> parts = list(zoo.stream(writer, "ROMEO:", 20, seed=7))
        >>> "".join(parts) == zoo.generate(writer, "ROMEO:", 20, seed=7)
        True
    """
    claim_process()
    return pipeline.task.stream(pipeline, prompt, length, Sampling(**settings))
