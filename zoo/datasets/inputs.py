"""Inputs of datasets: converted from their files, or synthesized as example inputs."""

import math
import re

import numpy as np

from zoo.data.sound import Sound


def sound(samples: np.ndarray) -> Sound:
    """Returns samples at 8 kHz as a sound."""
    return Sound(samples, 8_000)


def rising(start: float, end: float) -> list[int]:
    """Returns a linear chirp of 50 ms at 8 kHz, between two frequencies in Hz."""
    time = np.arange(400) / 8_000
    phase = 2 * math.pi * (start * time + (end - start) * time**2 / 2 / 0.05)
    return np.round(20_000 * np.sin(phase)).astype(int).tolist()


def pixels(image: np.ndarray) -> np.ndarray:
    """Returns an image as a series of pixels, row by row: ``(height * width, 1)``, 0 to 1."""
    return image.reshape(-1, 1).astype(np.float32) / 255


def permuted_pixels(image: np.ndarray) -> np.ndarray:
    """Returns the pixels in one random order for all images (NumPy's MT19937, seed 1)."""
    series = pixels(image)
    return series[np.random.RandomState(1).permutation(len(series))]


_BEFORE_SPLIT = re.compile(r" (n't|'(?:s|re|ve|ll|d|m)\b|[.,;:!?)])")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?:<br />)+")


def natural_spaces(text: str) -> str:
    """Returns a tokenized English text with the spaces that people write: ``it 's fun .`` becomes ``it's fun.``"""
    return _BEFORE_SPLIT.sub(r"\1", text.replace("-lrb-", "(").replace("-rrb-", ")")).replace("( ", "(").strip()


def last_sentence(text: str) -> str:
    """Returns the last sentence of at least 16 characters, at most 300 characters of it, or a short text unchanged."""
    sentences = [part.strip() for part in _SENTENCE_END.split(text) if len(part.strip()) >= 16]
    return sentences[-1][:300] if sentences else text
