"""Pervasive Attention, a convolutional network over a grid of target and source: Elbayad et al. 2018 (1808.03867)."""

import dataclasses

import keras
from keras import ops

from zoo.layers.attention import masked
from zoo.layers.dropout import Dropout
from zoo.layers.masks import real_everywhere
from zoo.models.architecture import Architecture, check
from zoo.models.seq2seq.seq2seq import Seq2Seq, output_layer

BOTTLENECK = 4  # features inside a dense layer, in multiples of the growth rate
PAD = 0


@dataclasses.dataclass(frozen=True)
class Config:
    """Hyper-parameters of Pervasive Attention.

    The defaults are those of the authors' released configuration: 2.64 million parameters without embeddings.

    Attributes:
        source_vocab_size: Number of source ids.
        target_vocab_size: Number of target ids.
        embedding_dim: Number of features of both embeddings, and of a cell of the first grid.
        num_layers: Number of dense layers.
        growth_rate: Number of features that each dense layer adds.
        kernel_size: Columns per convolution, an odd number; it reads ``kernel_size // 2 + 1`` rows.
        dropout: Dropout rate on the embeddings, on the output of a dense layer and before the logits.
        tie_embeddings: Whether source and target share one embedding, of one joint vocabulary. The output layer always
            has the target's.
    """

    source_vocab_size: int
    target_vocab_size: int
    embedding_dim: int = 128
    num_layers: int = 24
    growth_rate: int = 32
    kernel_size: int = 3
    dropout: float = 0.2
    tie_embeddings: bool = False

    def __post_init__(self):
        for field in ("source_vocab_size", "target_vocab_size", "embedding_dim", "growth_rate"):
            check(1 <= getattr(self, field) <= 65_536, f"{field} must be in 1..65536")
        check(1 <= self.num_layers <= 64, "num_layers must be in 1..64")
        check(3 <= self.kernel_size <= 63 and self.kernel_size % 2 == 1, "kernel_size must be odd and in 3..63")
        check(0 <= self.dropout < 1, "dropout must be in [0, 1)")
        same = self.source_vocab_size == self.target_vocab_size
        check(same or not self.tie_embeddings, "tie_embeddings needs one vocabulary for source and target")


def moments(x, cells):
    """Returns the mean and the variance of each feature of ``(batch, target_time, source_time, features)``.

    Args:
        x: The grid.
        cells: Booleans ``(batch, target_time, source_time)``, true at real cells, the only ones that count.
    """
    real = ops.reshape(ops.cast(cells, "float32"), (1, -1))
    share = real / ops.maximum(ops.sum(real), 1)
    x = ops.reshape(ops.cast(x, "float32"), (-1, x.shape[-1]))
    mean = ops.matmul(share, x)[0]
    return mean, ops.matmul(share, ops.square(x - mean))[0]


class NormReLU(keras.layers.Layer):
    """Batch norm (Ioffe & Szegedy 2015, arXiv 1502.03167) of each feature over real cells, then ReLU."""

    def __init__(self, name: str):
        super().__init__(name=name)
        self.norm = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name="norm")

    def build(self, shape):
        self.norm.build(shape)

    def _affine(self, batch):
        """Returns scale and shift per feature, and updates the moving moments if there are others."""
        norm = self.norm
        moving = norm.moving_mean, norm.moving_variance
        mean, variance = moving if batch is None else batch
        if batch is not None:
            for variable, value in zip(moving, batch, strict=True):
                variable.assign(variable * norm.momentum + ops.stop_gradient(value) * (1 - norm.momentum))
        scale = norm.gamma * ops.rsqrt(variance + norm.epsilon)
        return scale, norm.beta - mean * scale

    def call(self, x, batch=None, dense=None):
        """Map ``(batch, target_time, source_time, features)``.

        Args:
            x: The grid.
            batch: Its ``moments``, to normalise by them and to update the moving ones; ``None`` uses the moving ones.
            dense: A dense layer without bias that follows.
        """
        scale, shift = (ops.cast(value, x.dtype) for value in self._affine(batch))
        if dense is not None and batch and keras.backend.backend() == "torch" and self.compute_dtype == "float32":
            from zoo.layers.torch_dense import ScaledReLUDense

            y = ScaledReLUDense.apply(x.reshape(-1, x.shape[-1]), scale, shift, dense.kernel.value)
            return y.reshape(*x.shape[:-1], dense.units)
        y = ops.relu(x * scale + shift)
        return dense(y) if dense is not None else y


class DenseLayer(keras.layers.Layer):
    """BN-ReLU-Conv 1x1-BN-ReLU-masked Conv k x k-dropout, concatenated with its input (Huang et al. 2017, DenseNet).

    The kernel is causal over the target: it reads the current row and the ``k // 2`` rows before it. Over the source it
    reads ``k // 2`` columns to either side.

    Args:
        config: The config.
        name: Name of the layer.
    """

    def __init__(self, config: Config, name: str):
        super().__init__(name=name)
        self.growth_rate, self.kernel_size = config.growth_rate, config.kernel_size
        self.rows_above = config.kernel_size // 2
        self.first = NormReLU("first")
        self.squeeze = keras.layers.Dense(BOTTLENECK * config.growth_rate, use_bias=False, name="squeeze")
        self.second = NormReLU("second")
        self.drop = Dropout(config.dropout, name="drop")

    def build(self, shape):
        self.first.build(shape)
        self.squeeze.build(shape)
        inner = BOTTLENECK * self.growth_rate
        self.second.build((*shape[:-1], inner))
        kernel = (self.rows_above + 1, self.kernel_size, inner, self.growth_rate)
        self.kernel = self.add_weight(shape=kernel, initializer="he_normal", name="kernel")

    def _squeezed(self, x, columns, cells=None, batch=None):
        """Returns the input of the convolution, with zeros at masked columns because the kernel would spread them."""
        y = self.first(x, batch, dense=self.squeeze)
        y = self.second(y, batch and moments(y, cells))
        return y * ops.cast(columns, y.dtype)[:, None, :, None]

    def _convolve(self, rows):
        """Map ``(batch, k // 2 + rows, source_time, inner)`` to ``(batch, rows, source_time, growth_rate)``.

        One product gives what each cell contributes to its neighbours; then neighbours are added up. That is faster
        than a convolution, because only ``growth_rate`` features per neighbour are moved.
        """
        above, size = self.rows_above, self.kernel_size
        kernel = ops.reshape(ops.transpose(ops.cast(self.kernel, rows.dtype), (2, 1, 0, 3)), (rows.shape[-1], -1))
        parts = ops.split(ops.matmul(rows, kernel), size * (above + 1), axis=-1)  # by column, then by row
        count, width, total = ops.shape(rows)[1] - above, ops.shape(rows)[2], 0
        for column in range(size):
            same = parts[column * (above + 1) : (column + 1) * (above + 1)]
            y = sum(part[:, row : row + count] for row, part in enumerate(same))
            total = total + ops.pad(y, ((0, 0), (0, 0), (above, above), (0, 0)))[:, :, column : column + width]
        return total

    def call(self, x, columns, cells=None, batch=None):
        """Map a whole grid.

        The statistics of a feature are the same in all layers that read it. So they are computed once, which is most of
        what makes a step of training fast.

        Args:
            x: ``(batch, target_time, source_time, features)``.
            columns: Booleans ``(batch, source_time)``, true at real source positions.
            cells: Booleans ``(batch, target_time, source_time)``, true at real cells; needed with ``batch``.
            batch: The ``moments`` of ``x`` while training, else ``None``: no dropout, and the moving moments.

        Returns:
            ``x`` with ``growth_rate`` more features, and its moments or ``None``.
        """
        y = self._squeezed(x, columns, cells, batch)
        y = self._convolve(ops.pad(y, ((0, 0), (self.rows_above, 0), (0, 0), (0, 0))))
        if batch:
            y = self.drop(y, training=True)
            batch = tuple(ops.concatenate(both) for both in zip(batch, moments(y, cells), strict=True))
        return ops.concatenate([x, y], axis=-1), batch

    def initial_state(self, batch_size: int, source_time: int, dtype: str):
        """Returns the rows above the first: zeros, ``(batch, k // 2, source_time, inner)``."""
        return ops.zeros((batch_size, self.rows_above, source_time, BOTTLENECK * self.growth_rate), dtype)

    def step(self, x, columns, above):
        """Map one row ``(batch, 1, source_time, features)``; returns it with more features, and the next rows above."""
        rows = ops.concatenate([above, self._squeezed(x, columns)], axis=1)
        return ops.concatenate([x, self._convolve(rows)], axis=-1), rows[:, 1:]


@keras.saving.register_keras_serializable(package="zoo")
class PervasiveAttention(Seq2Seq):
    """A DenseNet over all pairs of a target and a source position, with max pooling over the source.

    Cell ``(t, s)`` begins as ``W [source_s; target_t] + b``: the sum of a product of the source and one of the target.
    After the dense layers come BN-ReLU-Conv 1x1 to half the features-BN-ReLU, the maximum over real source positions, a
    dense layer to ``embedding_dim``, and logits by the target embedding. The alignment is the share of features that
    have their maximum at each source position.

    Args:
        config: The config.

    Example:
        >>> import numpy as np, zoo
        >>> sizes = {"source_vocab_size": 30, "target_vocab_size": 20}
        >>> model = zoo.create_model("pervasive_attention_tiny", task="sequence_to_sequence", **sizes)
        >>> source = np.ones((2, 7), "int32")
        >>> tuple(model({"source": source, "source_mask": source > 0, "target": source[:, :5]}).shape)
        (2, 5, 20)
    """

    def __init__(self, config: Config):
        super().__init__(config, "pervasive_attention_seq2seq")
        size = config.embedding_dim
        self.source_embed = self.target_embed = self._embedding(config.source_vocab_size, "source_embed")
        if not config.tie_embeddings:
            self.target_embed = self._embedding(config.target_vocab_size, "target_embed")
        self.source_project = keras.layers.Dense(size, name="encoder_project")
        self.target_project = keras.layers.Dense(size, use_bias=False, name="decoder_project")
        self.dense = [DenseLayer(config, f"decoder_{i}") for i in range(config.num_layers)]
        features = size + config.num_layers * config.growth_rate
        self.first = NormReLU("transition_first")
        self.transition = keras.layers.Dense(features // 2, use_bias=False, name="transition")
        self.second = NormReLU("transition_second")
        self.readout = keras.layers.Dense(size, name="readout")
        self.logits = output_layer(config.target_vocab_size, self.target_embed)
        self.drop = Dropout(config.dropout, name="drop")

    def _embedding(self, symbols: int, name: str):
        normal = keras.initializers.RandomNormal(stddev=0.01)
        return keras.layers.Embedding(symbols, self.config.embedding_dim, normal, name=name)

    def encode(self, source, mask, training=False) -> dict:
        """Returns the mask, and ``columns (batch, source_time, embedding_dim)``, the source part of each row."""
        mask = real_everywhere(source) if mask is None else ops.cast(mask, "bool")
        x = self.drop(self.source_embed(source), training=training)
        return {"columns": self.source_project(x), "mask": mask}

    def _grid(self, target, memory: dict, training=False):
        """Returns the first grid ``(batch, target_time, source_time, embedding_dim)``."""
        rows = self.target_project(self.drop(self.target_embed(target), training=training))
        return rows[:, :, None] + memory["columns"][:, None]

    def _read_out(self, x, mask, cells=None, batch=None):
        """Map the last grid to logits, and to the grid of which the maximum was taken."""
        x = self.first(x, batch, dense=self.transition)
        x = self.second(x, batch and moments(x, cells))
        x = masked(x, mask[:, None, :, None])
        y = self.drop(self.readout(ops.max(x, axis=2)), training=batch is not None)
        return self.logits(y), x

    def _shares(self, x, mask):
        """Returns the share of features that have their maximum at each source position."""
        # A feature that is 0 at every position has no maximum. If all features are 0, all positions get the same share.
        holders = ops.one_hot(ops.argmax(x, axis=2), ops.shape(x)[2], axis=2, dtype="float32")
        counts = ops.sum(holders * ops.cast(ops.max(x, axis=2) > 0, "float32")[:, :, None], axis=-1)
        counts = counts + 1e-6 * ops.cast(mask, "float32")[:, None]
        return counts / ops.sum(counts, axis=-1, keepdims=True)

    def initial_state(self, memory: dict, steps: int | None = None) -> tuple:
        """Returns the rows before the first, for each dense layer."""
        batch, time = ops.shape(memory["columns"])[:2]
        return tuple(layer.initial_state(batch, time, memory["columns"].dtype) for layer in self.dense)

    def step(self, target, state: tuple, memory: dict):
        x, after = self._grid(target[:, None], memory), []
        for layer, above in zip(self.dense, state, strict=True):
            x, rows = layer.step(x, memory["mask"], above)
            after.append(rows)
        logits, x = self._read_out(x, memory["mask"])
        return logits[:, 0], self._shares(x, memory["mask"])[:, 0], tuple(after)

    def _run(self, inputs: dict, training=False):
        """Returns the logits, the grid of which the maximum was taken, and the mask of the source."""
        target, memory = inputs["target"], self.encode(inputs["source"], inputs.get("source_mask"), training=training)
        mask = memory["mask"]
        x, cells, batch = self._grid(target, memory, training), None, None
        if training:
            cells = ops.not_equal(target, PAD)[:, :, None] & mask[:, None]
            batch = moments(x, cells)
        for layer in self.dense:
            x, batch = layer(x, mask, cells, batch)
        return *self._read_out(x, mask, cells, batch), mask

    def align(self, inputs: dict, training=False):
        logits, x, mask = self._run(inputs, training)
        return logits, self._shares(x, mask)

    def call(self, inputs, training=False):
        return self._run(inputs, training)[0]  # without the alignment, which training does not need

    def encoder_parts(self):
        return [self.source_project]

    def build_variables(self) -> None:
        """Create every variable layer by layer; a run of the model takes longer on TensorFlow."""
        features = self.config.embedding_dim
        for embed in dict.fromkeys((self.source_embed, self.target_embed)):  # once if they are one
            embed.build(None)
        for project in (self.source_project, self.target_project):
            project.build((None, None, features))
        for layer in self.dense:
            layer.build((None, None, None, features))
            features += self.config.growth_rate
        self.first.build((None, None, None, features))
        self.transition.build((None, None, None, features))
        self.second.build((None, None, None, features // 2))
        self.readout.build((None, None, features // 2))
        self.logits.build((None, None, self.config.embedding_dim))
        self.built = True


def build(config: Config) -> PervasiveAttention:
    """Returns the model with its variables."""
    model = PervasiveAttention(config)
    model.build_variables()
    return model


PERVASIVE_ATTENTION = Architecture(
    name="pervasive_attention",
    config=Config,
    build=build,
    sizes={
        "tiny": {"embedding_dim": 16, "num_layers": 3, "growth_rate": 8, "dropout": 0.0},
        "small": {},
        "base": {"embedding_dim": 192, "growth_rate": 48, "kernel_size": 5},
    },
    paper="Elbayad et al. 2018 (arXiv 1808.03867)",
    receptive_field=lambda config: None,  # unbounded for the source, bounded for the target
    # up through every layer to the maximum, which reads all source positions at once
    path_length=lambda config, length: config.num_layers + 2,
)
