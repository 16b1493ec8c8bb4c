"""Temporal convolutional network: Bai, Kolter & Koltun 2018 (arXiv 1803.01271)."""

import dataclasses

import keras
from keras import ops

from zoo.layers.convolution import Convolution, zero_masked
from zoo.layers.dropout import Dropout
from zoo.models.architecture import Architecture, check
from zoo.models.backbones.backbone import Backbone, Block, FinalNorm
from zoo.models.backbones.transformer import layer_norm


@dataclasses.dataclass(frozen=True)
class Config:
    """Hyper-parameters of a TCN.

    Attributes:
        vocab_size: Number of token ids. Set either this or ``features``.
        features: Number of input features.
        embedding_dim: Number of features of the input layer.
        hidden_dim: Number of features of every block.
        kernel_size: Taps of each convolution.
        levels: Number of residual blocks; block ``i`` has dilation ``2**i``.
        causal: Whether convolutions read only past steps; otherwise they are centred.
        norm: Whether each block begins with a layer norm and has no ReLU after its second convolution and its sum, with
            another layer norm after the last block. A language model then learns much faster.
        dropout: Dropout rate after the input layer and after each convolution.
    """

    vocab_size: int | None = None
    features: int | None = None
    embedding_dim: int = 128
    hidden_dim: int = 128
    kernel_size: int = 3
    levels: int = 6
    causal: bool = True
    norm: bool = False
    dropout: float = 0.1

    def __post_init__(self):
        check((self.vocab_size is None) != (self.features is None), "set vocab_size or features, one of them")
        check(1 <= self.embedding_dim <= 65_536, "embedding_dim must be in 1..65536")
        check(1 <= self.hidden_dim <= 65_536, "hidden_dim must be in 1..65536")
        check(2 <= self.kernel_size <= 1_024, "kernel_size must be in 2..1024")
        check(1 <= self.levels <= 20, "levels must be in 1..20")
        check(self.causal or self.kernel_size % 2 == 1, "kernel_size must be odd when convolutions are centred")
        check(0 <= self.dropout < 1, "dropout must be in [0, 1)")


class TemporalBlock(Block):
    """The paper's residual block: (convolution, ReLU, dropout) twice, plus the input, then ReLU.

    With norms it is (norm, convolution, ReLU, dropout, convolution, dropout), plus the input. This is the order of He
    et al. 2016 (arXiv 1603.05027), with the norm of Ba et al. 2016 (arXiv 1607.06450).

    Args:
        config: The config.
        level: Index of the block, from 0; its dilation is ``2**level``.
        name: Name of the block.
    """

    def __init__(self, config: Config, level: int, name: str):
        super().__init__(config.hidden_dim, name)
        self.causal = config.causal
        self.inputs = config.embedding_dim if level == 0 else config.hidden_dim
        arguments = (config.kernel_size, 2**level, config.causal)
        self.first = Convolution(self.inputs, config.hidden_dim, *arguments, name="first", weight_norm=True)
        self.second = Convolution(config.hidden_dim, config.hidden_dim, *arguments, name="second", weight_norm=True)
        # The residual is the input, or a biased 1x1 convolution of it where the widths differ.
        self.shortcut = None
        if self.inputs != config.hidden_dim:
            self.shortcut = keras.layers.Dense(config.hidden_dim, name="shortcut")
        self.norm = layer_norm("norm") if config.norm else None
        self.drop = Dropout(config.dropout, name="drop")

    def build(self, shape):
        if self.norm is not None:
            self.norm.build(shape)
        self.first.build(shape)
        self.second.build((*shape[:-1], self.hidden_dim))
        if self.shortcut is not None:
            self.shortcut.build(shape)

    def call(self, x, mask=None, training=False):
        y = x if self.norm is None else self.norm(x)
        y = self.drop(ops.relu(self.first(zero_masked(y, mask))), training=training)
        y = self.second(zero_masked(y, mask))
        y = self.drop(ops.relu(y) if self.norm is None else y, training=training)
        return self._add(x, y)

    def _add(self, x, y):
        y = y + (self.shortcut(x) if self.shortcut else x)
        return ops.relu(y) if self.norm is None else y

    def initial_state(self, batch_size: int):
        if not self.causal:
            return super().initial_state(batch_size)
        return self.first.initial_state(batch_size), self.second.initial_state(batch_size)

    def step(self, x, state):
        if not self.causal:
            return super().step(x, state)
        return self._go_on(x, state, Convolution.step)

    def prefill(self, x, state):
        if not self.causal:
            return super().prefill(x, state)
        return self._go_on(x, state, Convolution.prefill)

    def _go_on(self, x, state, convolve):
        y, first = convolve(self.first, x if self.norm is None else self.norm(x), state[0])
        y, second = convolve(self.second, ops.relu(y), state[1])
        return self._add(x, ops.relu(y) if self.norm is None else y), (first, second)


def full_receptive_field(config: Config) -> int:
    """Returns the steps that an output depends on: ``1 + 2 (k - 1) (2**n - 1)``, for two convolutions per block."""
    return 1 + 2 * (config.kernel_size - 1) * (2**config.levels - 1)


def receptive_field(config: Config) -> int:
    """Returns the number of past steps that an output depends on, including itself: half of a centred field."""
    field = full_receptive_field(config)
    return field if config.causal else (field + 1) // 2


def build(config: Config) -> Backbone:
    """Returns the backbone with its variables."""
    blocks: list[Block] = [TemporalBlock(config, i, f"block_{i}") for i in range(config.levels)]
    if config.norm:
        blocks.append(FinalNorm(layer_norm("norm"), config.hidden_dim, "final_norm"))
    model = Backbone(
        blocks, config.embedding_dim, config.vocab_size, config.features, config.dropout, name="tcn_backbone"
    )
    model.build()
    return model


TCN = Architecture(
    name="tcn",
    config=Config,
    build=build,
    sizes={
        "tiny": {"embedding_dim": 12, "hidden_dim": 16, "levels": 3, "dropout": 0.0},
        "small": {"hidden_dim": 160},
        "base": {"embedding_dim": 256, "hidden_dim": 384, "levels": 8},
    },
    paper="Bai, Kolter & Koltun 2018 (arXiv 1803.01271)",
    receptive_field=receptive_field,
    path_length=lambda config, length: 2 * config.levels,
)
