"""Masks: which positions of a batch are real."""

from typing import Any

from keras import ops


def real_everywhere(ids):
    """Returns a mask of ones for ids ``(batch, time)`` without padding."""
    return ops.ones_like(ids, dtype="bool")


def values_are_known(x: Any) -> bool:
    """Returns whether a torch tensor has values; it has none in an export or a shape inference."""
    import torch

    return x.device.type != "meta" and not torch.compiler.is_compiling()
