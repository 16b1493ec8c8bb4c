"""The weights of a checkpoint as constants of a graph, by the paths of their variables."""

from collections.abc import Mapping

import numpy as np

from zoo.errors import WeightsError
from zoo.export.graph import Graph, Value


class Part:
    """The weights of a layer, by the paths of its variables.

    Args:
        graph: The graph.
        tensors: All weights.
        path: What the layer's paths begin with.
    """

    def __init__(self, graph: Graph, tensors: Mapping[str, np.ndarray], path: str = ""):
        self.graph, self.tensors, self.path = graph, tensors, path

    def __truediv__(self, name: str) -> "Part":
        return Part(self.graph, self.tensors, f"{self.path}/{name}" if self.path else name)

    def array(self, name: str) -> np.ndarray:
        """Returns a weight as an array (raises WeightsError if there is none)."""
        path = (self / name).path
        if path not in self.tensors:
            raise WeightsError(f"tensor {path}: missing: the record is of another version")
        return self.tensors[path]

    def __contains__(self, name: str) -> bool:
        return (self / name).path in self.tensors

    def weight(self, name: str) -> Value:
        """Returns a weight as a constant of the graph that has its path for name."""
        return self.constant(name, self.array(name))

    def constant(self, name: str, array: np.ndarray) -> Value:
        """Returns what was made of weights as a named constant."""
        return self.graph.constant(array, "float32", (self / name).path)
