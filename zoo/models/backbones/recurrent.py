"""Recurrent backbones: simple RNN, LSTM and GRU stacks."""

import dataclasses

from keras import ops

from zoo.layers.dropout import Dropout
from zoo.layers.recurrence import LAYERS, Bidirectional
from zoo.models.architecture import Architecture, check
from zoo.models.backbones.backbone import Backbone, Block, FinalNorm
from zoo.models.backbones.transformer import layer_norm


@dataclasses.dataclass(frozen=True)
class Config:
    """Hyper-parameters of a recurrent backbone.

    Attributes:
        vocab_size: Number of token ids. Set either this or ``features``.
        features: Number of input features.
        hidden_dim: Number of features per position, divided between the directions.
        num_layers: Number of recurrent layers.
        bidirectional: Whether each layer reads in both directions; the model is then not causal.
        residual: Whether each layer is a residual block, ``x + layer(norm(x))``, with another norm after the last (the
            layout of Xiong et al. 2020, arXiv 2002.04745). A deep language model then learns much faster.
        dropout: Dropout rate after the input layer and after each recurrent layer.
    """

    vocab_size: int | None = None
    features: int | None = None
    hidden_dim: int = 256
    num_layers: int = 2
    bidirectional: bool = False
    residual: bool = False
    dropout: float = 0.1

    def __post_init__(self):
        check((self.vocab_size is None) != (self.features is None), "set vocab_size or features, one of them")
        check(1 <= self.hidden_dim <= 65_536, "hidden_dim must be in 1..65536")
        check(1 <= self.num_layers <= 64, "num_layers must be in 1..64")
        check(not self.bidirectional or self.hidden_dim % 2 == 0, "hidden_dim must be even for two directions")
        check(0 <= self.dropout < 1, "dropout must be in [0, 1)")

    @property
    def causal(self) -> bool:
        """Whether each position depends only on itself and earlier ones."""
        return not self.bidirectional


class RecurrentBlock(Block):
    """One recurrent layer and dropout, with or without a residual connection; masked steps keep the state.

    Args:
        cell: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        config: The config.
        name: Name of the block.
    """

    def __init__(self, cell: str, config: Config, name: str):
        super().__init__(config.hidden_dim, name)
        self.bidirectional = config.bidirectional
        self.states = 2 if cell == "lstm" else 1
        units = config.hidden_dim // 2 if config.bidirectional else config.hidden_dim
        if config.bidirectional:
            self.layer = Bidirectional(cell, units, name="both")
        else:
            self.layer = LAYERS[cell](units, return_sequences=True, name="recurrent")
        self.norm = layer_norm("norm") if config.residual else None
        self.drop = Dropout(config.dropout, name="drop")

    def build(self, shape):
        if self.norm is not None:
            self.norm.build(shape)
        self.layer.build(shape)

    def call(self, x, mask=None, training=False):
        y = x if self.norm is None else self.norm(x)
        y = self.drop(self.layer(y, mask=mask, training=training), training=training)
        return y if self.norm is None else x + y

    def initial_state(self, batch_size: int) -> tuple:
        if self.bidirectional:
            return super().initial_state(batch_size)
        return tuple(ops.zeros((batch_size, self.hidden_dim), self.compute_dtype) for _ in range(self.states))

    def step(self, x, state):
        if self.bidirectional:
            return super().step(x, state)
        y, after = self.layer.cell(x if self.norm is None else self.norm(x), list(state))
        y = y if self.norm is None else x + y
        return y, tuple(after) if isinstance(after, list | tuple) else (after,)

    def prefill(self, x, state):
        if self.bidirectional or self.compute_dtype != self.variable_dtype:  # the loop below casts no weights
            return super().prefill(x, state)
        _, y, after = self.layer.inner_loop(x if self.norm is None else self.norm(x), list(state), None)
        return y if self.norm is None else x + y, tuple(after)


def _builder(cell: str):
    def build(config: Config) -> Backbone:
        blocks: list[Block] = [RecurrentBlock(cell, config, f"block_{i}") for i in range(config.num_layers)]
        if config.residual:
            blocks.append(FinalNorm(layer_norm("norm"), config.hidden_dim, "final_norm"))
        model = Backbone(
            blocks, config.hidden_dim, config.vocab_size, config.features, config.dropout, name=f"{cell}_backbone"
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
            "tiny": {"hidden_dim": 16, "num_layers": 2, "dropout": 0.0},
            "small": {"hidden_dim": small},
            "base": {"hidden_dim": base, "num_layers": 3},
        },
        paper=paper,
        receptive_field=lambda config: None,
        # through every step of one layer, then up through the others
        path_length=lambda config, length: length + config.num_layers - 1,
    )


RNN = _architecture("rnn", 512, 1024, "Elman 1990 (Cognitive Science 14:179-211)")
LSTM = _architecture("lstm", 256, 512, "Hochreiter & Schmidhuber 1997 (Neural Computation 9:1735-1780)")
GRU = _architecture("gru", 288, 576, "Cho et al. 2014 (arXiv 1406.1078)")
