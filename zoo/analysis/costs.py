"""FLOPs and memory traffic of a model, counted layer by layer from shapes.

FLOPs are those of matrix products: a multiplication and an addition per weight and position. Kaplan et al. 2020 (arXiv
2001.08361, section 2.1) count the same and leave out elementwise operations. Bytes are the minimum traffic to and from
memory, as in the roofline model (Williams et al. 2009, doi 10.1145/1498765.1498785): each product reads its operands
and writes its result, in float32. Weights are read once per call, except where a loop over time reads them at every
step.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

from zoo.backends.keras_internals import own_weights, sublayers
from zoo.layers.convolution import Convolution, DepthwiseConvolution
from zoo.layers.pooling import AttentionPooling
from zoo.models.backbones.backbone import Backbone
from zoo.models.backbones.hierarchical_attention import WindowsLayer
from zoo.models.backbones.lru import LRU, LRUBlock
from zoo.models.backbones.rg_lru import RGLRU, BlockDiagonal
from zoo.models.backbones.transformer import LearnedPositions, TransformerLayer

FLOAT = 4  # bytes
BACKWARD = 2
"""Factor of the forward pass: a product each for the gradients of input and weights (Kaplan et al.)."""

OPTIMIZER = 7
"""Values that Adam moves per weight: it reads weight, gradient and two moments, and writes all but the gradient."""


@dataclasses.dataclass(frozen=True)
class Cost:
    """FLOPs, and bytes to and from memory."""

    flops: float = 0.0
    bytes: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.flops + other.flops, self.bytes + other.bytes)

    def __mul__(self, times: float) -> "Cost":
        return Cost(self.flops * times, self.bytes * times)

    @property
    def intensity(self) -> float:
        """FLOPs per byte."""
        return self.flops / self.bytes


@dataclasses.dataclass(frozen=True)
class Work:
    """Input of a layer: ``batch`` rows of ``time`` steps; with ``step``, one step of a stream per row."""

    batch: int
    time: int
    step: bool = False

    @property
    def positions(self) -> int:
        """Number of input vectors."""
        return self.batch * (1 if self.step else self.time)


def product(positions: float, inputs: float, outputs: float, weights: float | None = None) -> Cost:
    """Returns the cost of ``(positions, inputs)`` times ``(inputs, outputs)``.

    Args:
        positions: Rows of the left matrix.
        inputs: Columns of the left matrix.
        outputs: Columns of the right matrix.
        weights: Values read of the right matrix; the default is each once.
    """
    right = inputs * outputs if weights is None else weights
    return Cost(2 * positions * inputs * outputs, FLOAT * (right + positions * (inputs + outputs)))


def dense(layer, work: Work) -> Cost:
    """Count ``2 i o`` per position: a multiplication and an addition per weight."""
    inputs, outputs = layer.kernel.shape
    return product(work.positions, inputs, outputs)


def embedding(layer, work: Work) -> Cost:
    """Count no FLOPs; each position reads and writes a row."""
    return Cost(0, FLOAT * 2 * work.positions * layer.output_dim)


def recurrent(layer, work: Work) -> Cost:
    """Count ``2 g u (i + u)`` per step for ``g`` gates of ``u`` units: 1 in a simple RNN, 3 in a GRU, 4 in an LSTM.

    The gate equations are those of Elman 1990, Cho et al. 2014 (arXiv 1406.1078) and Hochreiter & Schmidhuber 1997. The
    product with the inputs runs once for the whole sequence. The product with the state reads its weights at every
    step.
    """
    cell = layer.cell
    inputs, outputs = cell.kernel.shape
    units = cell.units
    steps = 1 if work.step else work.time
    total = product(work.positions, inputs, outputs) + product(work.batch, units, outputs) * steps
    # A stream reads and writes its state; within a sequence the state stays in the cache.
    states = 2 if isinstance(cell, keras.layers.LSTMCell) else 1
    return total + Cost(0, FLOAT * 2 * states * units * work.batch if work.step else 0)


def convolution(layer, work: Work) -> Cost:
    """Count ``2 k i o`` per position. Weight norm reads the kernel for its norm, and for a sequence writes it again.

    A stream computes the norms at its start, and keeps a factor per output and row.
    """
    kernel_size, inputs, outputs = layer.shape
    weights = kernel_size * inputs * outputs
    if layer.weight_norm:
        weights = weights + outputs * work.batch if work.step else 4 * weights
    moved = weights + work.positions * (inputs + outputs)
    total = Cost(2 * work.positions * kernel_size * inputs * outputs, FLOAT * moved)
    # A stream shifts the inputs that it keeps.
    return total + Cost(0, FLOAT * 2 * work.batch * layer.reach * inputs if work.step else 0)


def depthwise(layer, work: Work) -> Cost:
    """Count ``2 k`` per position and feature; a stream shifts the inputs that it keeps."""
    kernel, features = layer.weight.shape
    moved = kernel * features + 2 * work.positions * features
    total = Cost(2 * work.positions * kernel * features, FLOAT * moved)
    return total + Cost(0, FLOAT * 2 * work.batch * (kernel - 1) * features if work.step else 0)


def block_diagonal(layer, work: Work) -> Cost:
    """Count ``2 s`` per position and feature for blocks of ``s`` features."""
    blocks, size, _ = layer.kernel.shape
    return product(work.positions, size, size) * blocks


def conv1d(layer, work: Work) -> Cost:
    """Count ``2 k i o`` per position, for Keras's layer with stride 1 and an output as long as its input."""
    kernel_size, inputs, outputs = layer.kernel.shape
    return Cost(
        2 * work.positions * kernel_size * inputs * outputs,
        FLOAT * (kernel_size * inputs * outputs + work.positions * (inputs + outputs)),
    )


def scores(batch: int, queries: int, keys: int, hidden_dim: int, num_heads: int) -> Cost:
    """Count ``4 q n d``: queries by keys, weights by values (Vaswani et al. 2017, arXiv 1706.03762, equation 1).

    All ``n`` keys are counted, including masked ones, because their products are computed. The scores are written, read
    and written by the softmax, and read again.
    """
    moved = 2 * queries * hidden_dim + 2 * keys * hidden_dim + 4 * num_heads * queries * keys
    return Cost(4 * batch * queries * keys * hidden_dim, FLOAT * batch * moved)


def attention(batch: int, queries: int, vectors: float, keys: int, hidden_dim: int, num_heads: int) -> Cost:
    """Count scores and four projections: queries and outputs per query, keys and values per vector.

    Args:
        batch: Number of rows.
        queries: Number of queries.
        vectors: Number of vectors projected to keys and values.
        keys: Number of keys read, including cached ones.
        hidden_dim: Number of features.
        num_heads: Number of heads.
    """
    projections = (
        product(batch * queries, hidden_dim, hidden_dim) * 2 + product(batch * vectors, hidden_dim, hidden_dim) * 2
    )
    return projections + scores(batch, queries, keys, hidden_dim, num_heads)


def transformer_layer(layer, work: Work) -> Cost:
    """Count attention and feed-forward; a step attends to the cache and writes a copy of it."""
    config = layer.config
    queries = 1 if work.step else work.time
    keys = config.context if work.step else work.time
    total = attention(work.batch, queries, queries, keys, config.hidden_dim, config.num_heads) + children(
        layer, work, "attention"
    )
    if work.step:
        # The query is rotated twice, and each key is scored twice.
        total += product(work.batch, config.hidden_dim, keys, weights=work.batch * keys * config.hidden_dim)
        total += Cost(0, FLOAT * 4 * work.batch * keys * config.hidden_dim)
    return total


def windows_layer(layer, work: Work) -> Cost:
    """Count attention to the vectors of all levels, their pooling, and feed-forward.

    The cost of a step is the mean: one of ``w`` steps pools a window of steps, one of ``w ** 2`` a window of windows.
    """
    config = layer.config
    groups = [work.time]  # vectors per level
    for _ in layer.pools:
        groups.append(-(-groups[-1] // config.window))
    pooled, shares, projected = groups[:-1], [1.0] * len(layer.pools), sum(groups)
    if work.step:
        groups = [config.window] * config.levels
        pooled, shares = groups[1:], [config.window**-level for level in range(1, config.levels)]
        projected = 1 + sum(shares)
    queries = 1 if work.step else work.time
    total = attention(work.batch, queries, projected, sum(groups), config.hidden_dim, config.num_heads)
    for pool, vectors, share in zip(layer.pools, pooled, shares, strict=True):
        total += pooling(pool, Work(work.batch, vectors)) * share
    if config.gate is not None:
        # The gate compares a step with stored vectors; for a sequence it compares all steps with all.
        compared = config.window - 1 if work.step else work.time
        total += product(
            work.batch * queries, config.hidden_dim, compared, weights=work.batch * compared * config.hidden_dim
        )
    if work.step:
        # A new vector shifts the vectors, keys and values of its level.
        total += Cost(0, FLOAT * 2 * work.batch * 3 * config.window * config.hidden_dim * projected)
    return total + children(layer, work, "attention", *(pool.name for pool in layer.pools))


def pooling(layer, work: Work) -> Cost:
    """Count attention pooling: a dense layer per vector, its product with the context vector, and the weighted sum."""
    hidden_dim, units = layer.project.kernel.shape
    vectors = work.positions
    return (
        dense(layer.project, work)
        + product(vectors, units, 1)
        + Cost(2 * vectors * hidden_dim, FLOAT * vectors * hidden_dim)
    )


RULES: dict[type, Callable[[Any, Work], Cost]] = {
    keras.layers.Dense: dense,
    keras.layers.Embedding: embedding,
    keras.layers.SimpleRNN: recurrent,
    keras.layers.GRU: recurrent,
    keras.layers.LSTM: recurrent,
    keras.layers.Conv1D: conv1d,
    Convolution: convolution,
    DepthwiseConvolution: depthwise,
    BlockDiagonal: block_diagonal,
    # Their own weights are vectors, and their recurrences are elementwise.
    LRU: lambda layer, work: children(layer, work),
    LRUBlock: lambda layer, work: children(layer, work),
    RGLRU: lambda layer, work: children(layer, work),
    TransformerLayer: transformer_layer,
    WindowsLayer: windows_layer,
    AttentionPooling: pooling,
}
FREE = (keras.layers.Dropout, keras.layers.LayerNormalization, keras.layers.RMSNormalization, LearnedPositions)
"""Elementwise layers, and layers that add a vector: counted as nothing."""


def cost(layer, work: Work) -> Cost:
    """Returns the cost of a layer, by its rule or as the sum over its sublayers.

    Raises:
        NotImplementedError: A layer with its own weights has no rule.
    """
    for kind in type(layer).__mro__:
        if kind in RULES:
            return RULES[kind](layer, work)
    if isinstance(layer, FREE):
        return Cost()
    if own_weights(layer):
        raise NotImplementedError(f"{type(layer).__name__}: no cost rule")
    return children(layer, work)


def children(layer, work: Work, *without: str) -> Cost:
    """Returns the cost of a layer's sublayers, without those of the given names."""
    total = Cost()
    for child in sublayers(layer):
        if child.name not in without:
            total += cost(child, work)
    return total


def training(model: Backbone | keras.Model, work: Work) -> Cost:
    """Returns the cost of a training step with Adam: forward, backward at twice the cost, and the update."""
    return cost(model, work) * (1 + BACKWARD) + Cost(0, FLOAT * OPTIMIZER * model.count_params())
