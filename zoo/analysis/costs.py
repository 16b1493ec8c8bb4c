"""What a model has to compute and to move, counted layer by layer from its shapes alone.

FLOPs are those of products of matrices, a multiplication and an addition for each weight and position: the
count of Kaplan et al. 2020 (arXiv 2001.08361, section 2.1), who leave out what is done element by element.
Bytes are what has to come from and go to memory at least once, as in the roofline model (Williams et al.
2009, doi 10.1145/1498765.1498785): each product reads its operands and writes its result, in float32.
Weights are read once a call, except where a loop over time needs them anew at every step.
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
"""Times the forward pass: a product for the gradient of its input and one for that of its weights (Kaplan et al.)."""

OPTIMIZER = 7
"""Values that Adam moves for each weight: it reads weight, gradient and two moments and writes all but the gradient."""


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
        """FLOPs for each byte."""
        return self.flops / self.bytes


@dataclasses.dataclass(frozen=True)
class Work:
    """What a layer is given: ``batch`` rows of ``time`` steps; or, with ``step``, one step of a stream of each row."""

    batch: int
    time: int
    step: bool = False

    @property
    def positions(self) -> int:
        """Vectors that come in."""
        return self.batch * (1 if self.step else self.time)


def product(positions: float, inputs: float, outputs: float, weights: float | None = None) -> Cost:
    """Returns the cost of ``(positions, inputs)`` times ``(inputs, outputs)``.

    Args:
        positions: Rows of the left matrix.
        inputs: Its columns.
        outputs: Columns of the right one.
        weights: Values read of the right one, where that is not each once.
    """
    right = inputs * outputs if weights is None else weights
    return Cost(2 * positions * inputs * outputs, FLOAT * (right + positions * (inputs + outputs)))


def dense(layer, work: Work) -> Cost:
    """``2 i o`` a position: a weight is a multiplication and an addition."""
    inputs, outputs = layer.kernel.shape
    return product(work.positions, inputs, outputs)


def embedding(layer, work: Work) -> Cost:
    """Nothing to compute; a row is read and written for each position."""
    return Cost(0, FLOAT * 2 * work.positions * layer.output_dim)


def recurrent(layer, work: Work) -> Cost:
    """``2 g u (i + u)`` a step for ``g`` gates of ``u`` units: 1 in a simple RNN, 3 in a GRU, 4 in an LSTM.

    The gates' equations are those of Elman 1990, Cho et al. 2014 (arXiv 1406.1078) and Hochreiter &
    Schmidhuber 1997. The product with the inputs waits for no state and is done for the whole sequence at
    once; that with the state reads its weights again at every step.
    """
    cell = layer.cell
    inputs, outputs = cell.kernel.shape
    units = cell.units
    steps = 1 if work.step else work.time
    total = product(work.positions, inputs, outputs) + product(work.batch, units, outputs) * steps
    # Of a stream the state comes in and goes out; within a sequence it stays where it is.
    states = 2 if isinstance(cell, keras.layers.LSTMCell) else 1
    return total + Cost(0, FLOAT * 2 * states * units * work.batch if work.step else 0)


def convolution(layer, work: Work) -> Cost:
    """``2 k i o`` a position. Weight norm reads the kernel for its norm, and makes and writes a sequence's again.

    A stream has taken the norms at its beginning, and keeps a factor for each output of a row.
    """
    kernel_size, inputs, outputs = layer.shape
    weights = kernel_size * inputs * outputs
    if layer.weight_norm:
        weights = weights + outputs * work.batch if work.step else 4 * weights
    moved = weights + work.positions * (inputs + outputs)
    total = Cost(2 * work.positions * kernel_size * inputs * outputs, FLOAT * moved)
    # The inputs that a stream keeps move on by one place.
    return total + Cost(0, FLOAT * 2 * work.batch * layer.reach * inputs if work.step else 0)


def depthwise(layer, work: Work) -> Cost:
    """``2 k`` a position and feature; the inputs that a stream keeps move on by one place."""
    kernel, features = layer.weight.shape
    moved = kernel * features + 2 * work.positions * features
    total = Cost(2 * work.positions * kernel * features, FLOAT * moved)
    return total + Cost(0, FLOAT * 2 * work.batch * (kernel - 1) * features if work.step else 0)


def block_diagonal(layer, work: Work) -> Cost:
    """``2 s`` a position and feature for blocks of ``s`` features."""
    blocks, size, _ = layer.kernel.shape
    return product(work.positions, size, size) * blocks


def conv1d(layer, work: Work) -> Cost:
    """``2 k i o`` a position, of Keras's own layer with stride 1 and an output as long as its input."""
    kernel_size, inputs, outputs = layer.kernel.shape
    return Cost(
        2 * work.positions * kernel_size * inputs * outputs,
        FLOAT * (kernel_size * inputs * outputs + work.positions * (inputs + outputs)),
    )


def scores(batch: int, queries: int, keys: int, hidden_dim: int, num_heads: int) -> Cost:
    """``4 q n d``: queries by keys, weights by values (Vaswani et al. 2017, arXiv 1706.03762, equation 1).

    All ``n`` keys are counted, those too that a mask hides, for their products are computed as well. The
    scores are written, read and written by the softmax, and read again.
    """
    moved = 2 * queries * hidden_dim + 2 * keys * hidden_dim + 4 * num_heads * queries * keys
    return Cost(4 * batch * queries * keys * hidden_dim, FLOAT * batch * moved)


def attention(batch: int, queries: int, vectors: float, keys: int, hidden_dim: int, num_heads: int) -> Cost:
    """Scores and four projections: of queries and of what is read for each query, of keys and values for each vector.

    Args:
        batch: Rows.
        queries: Positions that read.
        vectors: Vectors that are projected to keys and values.
        keys: Vectors that are read, those projected before included.
        hidden_dim: Features of all of them.
        num_heads: Heads that share the width.
    """
    projections = (
        product(batch * queries, hidden_dim, hidden_dim) * 2 + product(batch * vectors, hidden_dim, hidden_dim) * 2
    )
    return projections + scores(batch, queries, keys, hidden_dim, num_heads)


def transformer_layer(layer, work: Work) -> Cost:
    """Attention to the whole sequence, or of one step to the cache, of which a copy is written; and feed-forward."""
    config = layer.config
    queries = 1 if work.step else work.time
    keys = config.context if work.step else work.time
    total = attention(work.batch, queries, queries, keys, config.hidden_dim, config.num_heads) + children(
        layer, work, "attention"
    )
    if work.step:
        # The query is turned twice, and each key answers it twice.
        total += product(work.batch, config.hidden_dim, keys, weights=work.batch * keys * config.hidden_dim)
        total += Cost(0, FLOAT * 4 * work.batch * keys * config.hidden_dim)
    return total


def windows_layer(layer, work: Work) -> Cost:
    """Attention to the vectors of all levels at once, the pooling that makes them, and feed-forward.

    A step costs the mean: one of ``w`` steps pools a window of steps, one of ``w ** 2`` a window of those.
    """
    config = layer.config
    groups = [work.time]  # vectors of each level
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
        # With which stored vectors is a step too similar? A sequence compares all of its steps with all.
        compared = config.window - 1 if work.step else work.time
        total += product(
            work.batch * queries, config.hidden_dim, compared, weights=work.batch * compared * config.hidden_dim
        )
    if work.step:
        # Vectors, keys and values of a level move on when it gets a new one.
        total += Cost(0, FLOAT * 2 * work.batch * 3 * config.window * config.hidden_dim * projected)
    return total + children(layer, work, "attention", *(pool.name for pool in layer.pools))


def pooling(layer, work: Work) -> Cost:
    """Attention pooling: a dense layer on each vector, its product with the context vector, and the weighted sum."""
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
    # Their own weights are vectors, and their recurrences work element by element.
    LRU: lambda layer, work: children(layer, work),
    LRUBlock: lambda layer, work: children(layer, work),
    RGLRU: lambda layer, work: children(layer, work),
    TransformerLayer: transformer_layer,
    WindowsLayer: windows_layer,
    AttentionPooling: pooling,
}
FREE = (keras.layers.Dropout, keras.layers.LayerNormalization, keras.layers.RMSNormalization, LearnedPositions)
"""What works element by element, or adds a vector: counted as nothing."""


def cost(layer, work: Work) -> Cost:
    """Returns what a layer costs, by its rule or as the sum of the layers in it.

    Raises:
        NotImplementedError: A layer with weights of its own has no rule.
    """
    for kind in type(layer).__mro__:
        if kind in RULES:
            return RULES[kind](layer, work)
    if isinstance(layer, FREE):
        return Cost()
    if own_weights(layer):
        raise NotImplementedError(f"{type(layer).__name__}: no rule says what it costs")
    return children(layer, work)


def children(layer, work: Work, *without: str) -> Cost:
    """Returns the cost of the layers in a layer, without those of the given names."""
    total = Cost()
    for child in sublayers(layer):
        if child.name not in without:
            total += cost(child, work)
    return total


def training(model: Backbone | keras.Model, work: Work) -> Cost:
    """Returns the cost of a training step with Adam: forward, backward at twice its cost, and the update."""
    return cost(model, work) * (1 + BACKWARD) + Cost(0, FLOAT * OPTIMIZER * model.count_params())
