"""RG-LRU, the recurrence of Griffin and Hawk: De et al. 2024 (arXiv 2402.19427).

The stack is Hawk's: every block has a recurrent layer and a gated feed-forward layer (section 2).
"""

import dataclasses

import keras
from keras import ops

from zoo.layers.feed_forward import GatedFeedForward
from zoo.layers.linear_recurrence import LinearRecurrence
from zoo.models.architecture import Architecture, check
from zoo.models.backbones.backbone import Backbone, Block, FinalNorm
from zoo.models.backbones.residual import Branch, Directions, ResidualBlock, rms_norm


@dataclasses.dataclass(frozen=True)
class Config:
    """Hyper-parameters of an RG-LRU backbone.

    Attributes:
        vocab_size: Number of token ids. Set either this or ``features``.
        features: Number of input features.
        hidden_dim: Number of features per position.
        state_dim: Number of units per recurrence, divided between the directions.
        num_heads: Number of diagonal blocks of each gate's matrix; they share the units of a direction.
        ffn_dim: Hidden units of each feed-forward layer.
        num_layers: Number of blocks.
        kernel_size: Taps of the convolution before each recurrence; 1 means no convolution.
        bidirectional: Whether each block reads in both directions; the model is then not causal.
        dropout: Dropout rate after the input layer and on each residual branch (the paper has none).
    """

    vocab_size: int | None = None
    features: int | None = None
    hidden_dim: int = 160
    state_dim: int = 224
    num_heads: int = 4
    ffn_dim: int = 480
    num_layers: int = 3
    kernel_size: int = 4
    bidirectional: bool = False
    dropout: float = 0.1

    def __post_init__(self):
        check((self.vocab_size is None) != (self.features is None), "set vocab_size or features, one of them")
        for field in ("hidden_dim", "state_dim", "num_heads", "ffn_dim"):
            check(1 <= getattr(self, field) <= 65_536, f"{field} must be in 1..65536")
        check(1 <= self.num_layers <= 64, "num_layers must be in 1..64")
        check(1 <= self.kernel_size <= 1_024, "kernel_size must be in 1..1024")
        check(not self.bidirectional or self.state_dim % 2 == 0, "state_dim must be even for two directions")
        units = self.state_dim // 2 if self.bidirectional else self.state_dim
        check(units % self.num_heads == 0, "the units of a direction must be a multiple of num_heads")
        check(0 <= self.dropout < 1, "dropout must be in [0, 1)")

    @property
    def causal(self) -> bool:
        """Whether each position depends only on itself and earlier ones."""
        return not self.bidirectional


SHARPNESS = 8.0  # the paper's c
SMALLEST = 1e-6  # lower bound of 1 - a ** 2, so that its root has a gradient


class BlockDiagonal(keras.layers.Layer):
    """A dense layer with a block-diagonal matrix.

    Args:
        blocks: Number of blocks.
        size: Number of input and output features per block.
        name: Name of the layer.
    """

    def __init__(self, blocks: int, size: int, name: str):
        super().__init__(name=name)
        self.supports_masking = True  # masks come as arguments; avoids a warning of Keras
        self.shape = (blocks, size, size)

    def build(self, shape):
        normal = keras.initializers.RandomNormal(stddev=self.shape[1] ** -0.5)
        self.kernel = self.add_weight(shape=self.shape, initializer=normal, name="kernel")
        self.bias = self.add_weight(shape=(self.shape[0] * self.shape[1],), initializer="zeros", name="bias")

    def call(self, x):
        """Map ``(..., blocks * size)`` to the same shape."""
        split = ops.reshape(x, (-1, *self.shape[:2]))
        product = ops.einsum("nbi,bij->nbj", split, ops.cast(self.kernel, x.dtype))
        return ops.reshape(product, ops.shape(x)) + ops.cast(self.bias, x.dtype)


class RGLRU(LinearRecurrence):
    """``h_t = a_t h_{t-1} + sqrt(1 - a_t ** 2) (i_t x_t)`` (equations 1 to 4).

    ``r = sigmoid(W_a x)``, ``i = sigmoid(W_x x)`` and ``a = exp(-8 softplus(L) r)``; ``W_a`` and ``W_x`` are block
    diagonal. ``L`` is initialized so that ``exp(-8 softplus(L))`` is uniform in 0.9 to 0.999.

    Args:
        units: Number of input features and of state features.
        num_heads: Number of diagonal blocks.
        name: Name of the layer.
    """

    def __init__(self, units: int, num_heads: int, name: str):
        super().__init__(units, name)
        self.recurrence_gate = BlockDiagonal(num_heads, units // num_heads, "recurrence_gate")
        self.input_gate = BlockDiagonal(num_heads, units // num_heads, "input_gate")

    def build(self, shape):
        self.recurrence_gate.build(shape)
        self.input_gate.build(shape)

        def decays(shape, dtype):
            uniform = keras.initializers.RandomUniform(0.9, 0.999)(shape, dtype)
            return ops.log(ops.expm1(ops.log(uniform) / -SHARPNESS))  # the inverse of softplus

        self.decay = self.add_weight(shape=(self.units,), initializer=decays, name="decay")

    def _gate(self, layer, x):
        return ops.sigmoid(ops.cast(layer(x), "float32"))

    def coefficients(self, x):
        rate = ops.softplus(ops.cast(self.decay, "float32"))
        log_decay = -SHARPNESS * rate * self._gate(self.recurrence_gate, x)
        scale = ops.sqrt(ops.maximum(-ops.expm1(2 * log_decay), SMALLEST))
        return ops.exp(log_decay), scale * self._gate(self.input_gate, x) * ops.cast(x, "float32")


class RGLRUMixer(keras.layers.Layer):
    """Griffin's recurrent branch: ``W (gelu(W_1 x) * RG-LRU(conv(W_2 x)))`` (figure 2c).

    Args:
        config: The config.
        name: Name of the layer.
    """

    def __init__(self, config: Config, name: str):
        super().__init__(name=name)
        self.supports_masking = True  # masks come as arguments; avoids a warning of Keras

        def branch(units: int, name: str) -> Branch:
            return Branch(RGLRU(units, config.num_heads, "recurrence"), config.kernel_size, name, project=units)

        self.gate = keras.layers.Dense(config.state_dim, name="gate")
        self.directions = Directions(branch, config.state_dim, config.bidirectional, "directions")
        self.out = keras.layers.Dense(config.hidden_dim, name="out")

    def build(self, shape):
        self.gate.build(shape)
        self.directions.build(shape)
        self.out.build((*shape[:-1], self.directions.units))

    def _join(self, x, y):
        return self.out(ops.gelu(self.gate(x)) * y)

    def call(self, x, mask=None):
        """Map ``(batch, time, hidden_dim)`` to the same shape."""
        return self._join(x, self.directions(x, mask=mask))

    def initial_state(self, batch_size: int) -> tuple:
        """Returns the state before the first step."""
        return self.directions.initial_state(batch_size)

    def step(self, x, state: tuple):
        """Map one step ``(batch, hidden_dim)`` to the output and the next state."""
        y, state = self.directions.step(x, state)
        return self._join(x, y), state

    def prefill(self, x, state: tuple):
        """Map several steps ``(batch, count, hidden_dim)`` as that many calls of ``step`` do."""
        y, state = self.directions.prefill(x, state)
        return self._join(x, y), state


def build(config: Config) -> Backbone:
    """Returns the backbone with its variables."""
    blocks: list[Block] = [
        ResidualBlock(
            RGLRUMixer(config, "mixer"),
            GatedFeedForward(config.hidden_dim, config.ffn_dim, "feed_forward"),
            config.hidden_dim,
            config.dropout,
            f"block_{i}",
        )
        for i in range(config.num_layers)
    ]
    blocks.append(FinalNorm(rms_norm("norm"), config.hidden_dim, "final_norm"))
    model = Backbone(
        blocks, config.hidden_dim, config.vocab_size, config.features, config.dropout, name="rg_lru_backbone"
    )
    model.build()
    return model


RG_LRU = Architecture(
    name="rg_lru",
    config=Config,
    build=build,
    sizes={
        "tiny": {
            "hidden_dim": 16,
            "state_dim": 16,
            "num_heads": 2,
            "ffn_dim": 32,
            "num_layers": 2,
            "dropout": 0.0,
        },
        "small": {},
        "base": {"hidden_dim": 336, "state_dim": 448, "num_heads": 8, "ffn_dim": 1_008, "num_layers": 4},
    },
    paper="De et al. 2024 (arXiv 2402.19427)",
    receptive_field=lambda config: None,
    # through every step of one layer, then up through the others
    path_length=lambda config, length: length + config.num_layers - 1,
)
