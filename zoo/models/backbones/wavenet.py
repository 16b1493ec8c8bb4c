"""WaveNet: van den Oord et al. 2016 (arXiv 1609.03499)."""

import dataclasses
from typing import ClassVar

import keras
from keras import ops

from zoo.layers.convolution import Convolution, zero_masked
from zoo.layers.dropout import Dropout
from zoo.models.architecture import Architecture, check
from zoo.models.backbones.backbone import Backbone, Block


@dataclasses.dataclass(frozen=True)
class Config:
    """Hyper-parameters of a WaveNet; it is always causal.

    Attributes:
        vocab_size: Number of token ids. Set either this or ``features``.
        features: Number of input features.
        hidden_dim: Number of residual channels and of output features.
        skip: Number of skip channels.
        initial_kernel_size: Taps of the initial convolution.
        rectified: Whether a ReLU follows the initial convolution. The paper has none because it reads one of 256
            symbols per step. Pieces of a waveform sound alike whatever their sign and phase, so filter outputs are
            rectified before they are summed (Sainath et al. 2015, Interspeech, "Learning the speech front-end with raw
            waveform CLDNNs").
        kernel_size: Taps of each dilated convolution.
        num_layers: Dilated convolutions per stack, with dilations ``1, 2, 4, ... 2 ** (num_layers - 1)``.
        stacks: Number of repetitions of the dilations.
        dropout: Dropout rate on the input, and on each layer's gated output (the paper has none).
    """

    causal: ClassVar[bool] = True

    vocab_size: int | None = None
    features: int | None = None
    hidden_dim: int = 72
    skip: int = 256
    initial_kernel_size: int = 2
    rectified: bool = False
    kernel_size: int = 2
    num_layers: int = 10
    stacks: int = 2
    dropout: float = 0.0

    def __post_init__(self):
        check((self.vocab_size is None) != (self.features is None), "set vocab_size or features, one of them")
        for field in ("hidden_dim", "skip"):
            check(1 <= getattr(self, field) <= 65_536, f"{field} must be in 1..65536")
        check(1 <= self.initial_kernel_size <= 1024, "initial_kernel_size must be in 1..1024")
        check(2 <= self.kernel_size <= 64, "kernel_size must be in 2..64")
        check(1 <= self.num_layers <= 16, "num_layers must be in 1..16")
        check(1 <= self.stacks <= 16, "stacks must be in 1..16")
        check(0 <= self.dropout < 1, "dropout must be in [0, 1)")


class GatedLayer(keras.layers.Layer):
    """One dilated layer: ``z = tanh(W_f * x) sigmoid(W_g * x)`` (equation 2), with residual and skip outputs.

    Args:
        config: The config.
        dilation: Distance between two taps.
        last: Whether this is the last layer, which has only a skip output.
        name: Name of the layer.
    """

    def __init__(self, config: Config, dilation: int, last: bool, name: str):
        super().__init__(name=name)
        self.config = config
        # Filter and gate as one convolution instead of two.
        self.filter_gate = Convolution(
            config.hidden_dim, 2 * config.hidden_dim, config.kernel_size, dilation, causal=True, name="filter_gate"
        )
        self.residual = None if last else keras.layers.Dense(config.hidden_dim, name="residual")
        self.skip = keras.layers.Dense(config.skip, name="skip")
        self.drop = Dropout(config.dropout, name="drop")

    def build(self, shape):
        self.filter_gate.build(shape)
        self.skip.build(shape)
        if self.residual is not None:
            self.residual.build(shape)

    def split(self, x, y, training=False):
        """Returns the next layer's input and the skip output, from this layer's input and its convolution."""
        filtered, gate = ops.split(y, 2, axis=-1)
        z = self.drop(ops.tanh(filtered) * ops.sigmoid(gate), training=training)
        return (x if self.residual is None else x + self.residual(z)), self.skip(z)

    def call(self, x, training=False):
        """Map ``(batch, time, hidden_dim)`` to the same shape and skips ``(batch, time, skip)``."""
        return self.split(x, self.filter_gate(x), training)


class WaveNet(Block):
    """The network of figure 4 without the softmax, as one block because all layers share the skip sum.

    The state holds a queue of past inputs for each convolution, ``(batch, (kernel - 1) * dilation, hidden_dim)``
    (Ramachandran et al. 2017, arXiv 1704.06001). The cost of a step does not grow with the stream.

    Args:
        config: The config.
        name: Name of the block.
    """

    def __init__(self, config: Config, name: str):
        super().__init__(config.hidden_dim, name)
        self.config = config
        self.initial = Convolution(
            config.hidden_dim, config.hidden_dim, config.initial_kernel_size, dilation=1, causal=True, name="initial"
        )
        count = config.stacks * config.num_layers
        self.gated = [
            GatedLayer(config, 2 ** (i % config.num_layers), last=i == count - 1, name=f"layer_{i}")
            for i in range(count)
        ]
        self.hidden = keras.layers.Dense(config.skip, activation="relu", name="hidden")
        self.out = keras.layers.Dense(config.hidden_dim, name="out")

    def build(self, shape):
        for layer in (self.initial, *self.gated):
            layer.build(shape)
        for layer in (self.hidden, self.out):
            layer.build((*shape[:-1], self.config.skip))

    def _rectify(self, x):
        """Returns the initial convolution's output, with a ReLU if the config asks for it."""
        return ops.relu(x) if self.config.rectified else x

    def _output(self, skips):
        return self.out(self.hidden(ops.relu(sum(skips))))

    def call(self, x, mask=None, training=False):
        x = self._rectify(self.initial(zero_masked(x, mask)))
        skips = []
        for layer in self.gated:
            x, skip = layer(zero_masked(x, mask), training=training)
            skips.append(skip)
        return self._output(skips)

    def initial_state(self, batch_size):
        convolutions = [self.initial, *(layer.filter_gate for layer in self.gated)]
        return tuple(convolution.initial_state(batch_size) for convolution in convolutions)

    def step(self, x, state):
        return self._go_on(x, state, Convolution.step)

    def prefill(self, x, state):
        return self._go_on(x, state, Convolution.prefill)

    def _go_on(self, x, state, convolve):
        x, queue = convolve(self.initial, x, state[0])
        x, queues, skips = self._rectify(x), [queue], []
        for layer, before in zip(self.gated, state[1:], strict=True):
            y, queue = convolve(layer.filter_gate, x, before)
            x, skip = layer.split(x, y)
            queues.append(queue)
            skips.append(skip)
        return self._output(skips), tuple(queues)


def build(config: Config) -> Backbone:
    """Returns the backbone with its variables."""
    model = Backbone(
        [WaveNet(config, "network")],
        embedding_dim=config.hidden_dim,
        vocab_size=config.vocab_size,
        features=config.features,
        dropout=config.dropout,
        name="wavenet_backbone",
    )
    model.build()
    return model


def receptive_field(config: Config) -> int:
    """Returns the receptive field: ``(k - 1) sum(dilations) + 1``, plus ``k_initial - 1``."""
    dilations = config.stacks * (2**config.num_layers - 1)
    return (config.kernel_size - 1) * dilations + 1 + config.initial_kernel_size - 1


WAVENET = Architecture(
    name="wavenet",
    config=Config,
    build=build,
    sizes={
        "tiny": {"hidden_dim": 8, "skip": 16, "num_layers": 3},
        "small": {},
        "base": {"hidden_dim": 144, "skip": 512, "stacks": 3},
    },
    paper="van den Oord et al. 2016 (arXiv 1609.03499)",
    receptive_field=receptive_field,
    # through the initial convolution and every dilated one
    path_length=lambda config, length: 1 + config.stacks * config.num_layers,
)
