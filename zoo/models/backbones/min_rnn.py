"""minGRU and minLSTM: Feng et al. 2024, "Were RNNs all we needed?" (arXiv 2410.01201).

Gates and candidates depend on the input of their step, not on the previous state. The recurrence is therefore linear.
All steps of a sequence are computed in parallel, except one multiplication and one addition per step.
"""

import dataclasses

import keras
from keras import ops

from zoo.layers.feed_forward import FeedForward
from zoo.layers.linear_recurrence import LinearRecurrence, dense_float32
from zoo.models.architecture import Architecture, check
from zoo.models.backbones.backbone import Backbone, Block, FinalNorm
from zoo.models.backbones.residual import Branch, Directions, ResidualBlock, rms_norm


@dataclasses.dataclass(frozen=True)
class Config:
    """Hyper-parameters of a minGRU or minLSTM backbone.

    Attributes:
        vocab_size: Number of token ids. Set either this or ``features``.
        features: Number of input features.
        hidden_dim: Number of features per position.
        state_dim: Number of units per recurrence, divided between the directions.
        ffn_dim: Hidden units of each feed-forward layer.
        num_layers: Number of blocks.
        kernel_size: Taps of the convolution before each recurrence; 1 means no convolution.
        bidirectional: Whether each block reads in both directions; the model is then not causal.
        dropout: Dropout rate after the input layer and on each residual branch.
    """

    vocab_size: int | None = None
    features: int | None = None
    hidden_dim: int = 160
    state_dim: int = 320
    ffn_dim: int = 640
    num_layers: int = 3
    kernel_size: int = 4
    bidirectional: bool = False
    dropout: float = 0.1

    def __post_init__(self):
        check((self.vocab_size is None) != (self.features is None), "set vocab_size or features, one of them")
        for field in ("hidden_dim", "state_dim", "ffn_dim"):
            check(1 <= getattr(self, field) <= 65_536, f"{field} must be in 1..65536")
        check(1 <= self.num_layers <= 64, "num_layers must be in 1..64")
        check(1 <= self.kernel_size <= 1_024, "kernel_size must be in 1..1024")
        check(not self.bidirectional or self.state_dim % 2 == 0, "state_dim must be even for two directions")
        check(0 <= self.dropout < 1, "dropout must be in [0, 1)")

    @property
    def causal(self) -> bool:
        """Whether each position depends only on itself and earlier ones."""
        return not self.bidirectional


def positive(x):
    """Returns the paper's ``g(x)``: ``x + 0.5`` from 0 on and ``sigmoid(x)`` below; both are 0.5 at 0."""
    return ops.where(x >= 0, x + 0.5, ops.sigmoid(x))


class MinGRU(LinearRecurrence):
    """``h_t = (1 - z_t) h_{t-1} + z_t c_t`` with ``z = sigmoid(W_z x)``, ``c = g(W_h x)`` (section 3.1, appendix B).

    ``W_z`` and ``W_h`` are concatenated into one kernel.
    """

    def __init__(self, units: int, name: str):
        super().__init__(units, name)
        self.project = keras.layers.Dense(2 * units, name="project")

    def build(self, shape):
        self.project.build(shape)

    def coefficients(self, x):
        gate, candidate = ops.split(dense_float32(self.project, x), 2, axis=-1)
        return ops.sigmoid(-gate), ops.sigmoid(gate) * positive(candidate)


class MinLSTM(LinearRecurrence):
    """``h_t = f'_t h_{t-1} + i'_t g(W_h x_t)`` with ``f' = f / (f + i)``, ``i' = i / (f + i)`` (section 3.2).

    ``f = sigmoid(W_f x)`` and ``i = sigmoid(W_i x)``, so ``f'`` and ``i'`` are ``sigmoid(log f - log i)`` and one minus
    it. ``W_f``, ``W_i`` and ``W_h`` are concatenated into one kernel.
    """

    def __init__(self, units: int, name: str):
        super().__init__(units, name)
        self.project = keras.layers.Dense(3 * units, name="project")

    def build(self, shape):
        self.project.build(shape)

    def coefficients(self, x):
        forget, cache_update, candidate = ops.split(dense_float32(self.project, x), 3, axis=-1)
        odds = ops.softplus(-cache_update) - ops.softplus(-forget)  # log f - log i
        return ops.sigmoid(odds), ops.sigmoid(-odds) * positive(candidate)


class MinMixer(keras.layers.Layer):
    """A short convolution, the recurrence, and a dense layer to the features of the block.

    Args:
        recurrence: ``MinGRU`` or ``MinLSTM``.
        config: The config.
        name: Name of the layer.
    """

    def __init__(self, recurrence: type[LinearRecurrence], config: Config, name: str):
        super().__init__(name=name)
        self.supports_masking = True  # masks come as arguments; avoids a warning of Keras

        def branch(units: int, name: str) -> Branch:
            return Branch(recurrence(units, "recurrence"), config.kernel_size, name)

        self.directions = Directions(branch, config.state_dim, config.bidirectional, "directions")
        self.out = keras.layers.Dense(config.hidden_dim, name="out")

    def build(self, shape):
        self.directions.build(shape)
        self.out.build((*shape[:-1], self.directions.units))

    def call(self, x, mask=None):
        """Map ``(batch, time, hidden_dim)`` to the same shape."""
        return self.out(self.directions(x, mask=mask))

    def initial_state(self, batch_size: int) -> tuple:
        """Returns the state before the first step."""
        return self.directions.initial_state(batch_size)

    def step(self, x, state: tuple):
        """Map one step ``(batch, hidden_dim)`` to the output and the next state."""
        y, state = self.directions.step(x, state)
        return self.out(y), state

    def prefill(self, x, state: tuple):
        """Map several steps ``(batch, count, hidden_dim)`` as that many calls of ``step`` do."""
        y, state = self.directions.prefill(x, state)
        return self.out(y), state


def _architecture(name: str, recurrence: type[LinearRecurrence], small: dict, base: dict) -> Architecture:
    def build(config: Config) -> Backbone:
        blocks: list[Block] = [
            ResidualBlock(
                MinMixer(recurrence, config, "mixer"),
                FeedForward(config.hidden_dim, config.ffn_dim, "gelu", "feed_forward"),
                config.hidden_dim,
                config.dropout,
                f"block_{i}",
            )
            for i in range(config.num_layers)
        ]
        blocks.append(FinalNorm(rms_norm("norm"), config.hidden_dim, "final_norm"))
        model = Backbone(
            blocks, config.hidden_dim, config.vocab_size, config.features, config.dropout, name=f"{name}_backbone"
        )
        model.build()
        return model

    return Architecture(
        name=name,
        config=Config,
        build=build,
        sizes={
            "tiny": {
                "hidden_dim": 16,
                "state_dim": 16,
                "ffn_dim": 32,
                "num_layers": 2,
                "dropout": 0.0,
            },
            "small": small,
            "base": base,
        },
        paper="Feng et al. 2024 (arXiv 2410.01201)",
        receptive_field=lambda config: None,
        # through every step of one layer, then up through the others
        path_length=lambda config, length: length + config.num_layers - 1,
    )


MIN_GRU = _architecture("min_gru", MinGRU, {}, {"hidden_dim": 336, "state_dim": 672, "ffn_dim": 1_344, "num_layers": 4})
MIN_LSTM = _architecture(
    "min_lstm", MinLSTM, {"ffn_dim": 480}, {"hidden_dim": 336, "state_dim": 672, "ffn_dim": 1_024, "num_layers": 4}
)
