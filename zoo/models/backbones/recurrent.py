"""Recurrent backbones: simple RNN, LSTM and GRU stacks."""

import dataclasses

from keras import ops

from zoo.layers.dropout import Dropout
from zoo.layers.recurrence import LAYERS, Bidirectional
from zoo.models.architecture import Architecture, check
from zoo.models.backbones.backbone import Backbone, Block


@dataclasses.dataclass(frozen=True)
class Config:
    """Hyper-parameters of a recurrent backbone.

    Attributes:
        vocab_size: Number of token ids; or
        features: number of input features. One of the two.
        width: Features of every position; both directions together have as many units.
        layers: Number of recurrent layers.
        bidirectional: Whether each layer reads both ways; then it is not causal.
        dropout: Rate after the input layer and after each recurrent layer.
    """

    vocab_size: int | None = None
    features: int | None = None
    width: int = 256
    layers: int = 2
    bidirectional: bool = False
    dropout: float = 0.1

    def __post_init__(self):
        check((self.vocab_size is None) != (self.features is None), "set vocab_size or features, one of them")
        check(1 <= self.width <= 65_536, "width must be in 1..65536")
        check(1 <= self.layers <= 64, "layers must be in 1..64")
        check(not self.bidirectional or self.width % 2 == 0, "width must be even for two directions")
        check(0 <= self.dropout < 1, "dropout must be in [0, 1)")

    @property
    def causal(self) -> bool:
        """Whether no position sees a later one."""
        return not self.bidirectional


class RecurrentBlock(Block):
    """One recurrent layer and dropout; masked steps carry the state through unchanged.

    Args:
        cell: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        config: The hyper-parameters.
        name: Name of the block.
    """

    def __init__(self, cell: str, config: Config, name: str):
        super().__init__(config.width, name)
        self.bidirectional = config.bidirectional
        self.states = 2 if cell == "lstm" else 1
        units = config.width // 2 if config.bidirectional else config.width
        if config.bidirectional:
            self.layer = Bidirectional(cell, units, name="both")
        else:
            self.layer = LAYERS[cell](units, return_sequences=True, name="recurrent")
        self.drop = Dropout(config.dropout, name="drop")

    def build(self, shape):
        self.layer.build(shape)

    def call(self, x, mask=None, training=False):
        return self.drop(self.layer(x, mask=mask, training=training), training=training)

    def initial_state(self, batch_size: int) -> tuple:
        if self.bidirectional:
            return super().initial_state(batch_size)
        return tuple(ops.zeros((batch_size, self.width), self.compute_dtype) for _ in range(self.states))

    def step(self, x, state):
        if self.bidirectional:
            return super().step(x, state)
        y, after = self.layer.cell(x, list(state))
        return y, tuple(after) if isinstance(after, list | tuple) else (after,)

    def extend(self, x, state):
        if self.bidirectional or self.compute_dtype != self.variable_dtype:  # the loop below casts no weights
            return super().extend(x, state)
        _, y, after = self.layer.inner_loop(x, list(state), None)
        return y, tuple(after)


def _builder(cell: str):
    def build(config: Config) -> Backbone:
        blocks: list[Block] = [RecurrentBlock(cell, config, f"block_{i}") for i in range(config.layers)]
        model = Backbone(
            blocks, config.width, config.vocab_size, config.features, config.dropout, name=f"{cell}_backbone"
        )
        model.build()
        return model

    return build


def _architecture(cell: str, small: int, base: int, paper: str) -> Architecture:
    return Architecture(
        name=cell,
        config=Config,
        build=_builder(cell),
        sizes={
            "tiny": {"width": 16, "layers": 2, "dropout": 0.0},
            "small": {"width": small},
            "base": {"width": base, "layers": 3},
        },
        paper=paper,
        look_back=lambda config: None,
        # Through every step of one layer and once up through the others.
        path_length=lambda config, length: length + config.layers - 1,
    )


RNN = _architecture("rnn", 512, 1024, "Elman 1990 (Cognitive Science 14:179-211)")
LSTM = _architecture("lstm", 256, 512, "Hochreiter & Schmidhuber 1997 (Neural Computation 9:1735-1780)")
GRU = _architecture("gru", 288, 576, "Cho et al. 2014 (arXiv 1406.1078)")
