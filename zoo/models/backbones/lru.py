"""The linear recurrent unit: Orvieto et al. 2023, "Resurrecting recurrent neural networks" (arXiv 2303.06349)."""

import dataclasses
import math

import keras
from keras import ops

from zoo.layers.convolution import zero_masked
from zoo.layers.dropout import Dropout
from zoo.layers.linear_recurrence import complex_scan, dense_float32, multiply
from zoo.models.architecture import Architecture, check
from zoo.models.backbones.backbone import Backbone, Block, FinalNorm
from zoo.models.backbones.residual import Directions
from zoo.models.backbones.transformer import layer_norm


@dataclasses.dataclass(frozen=True)
class Config:
    """Hyper-parameters of an LRU backbone.

    Attributes:
        vocab_size: Number of token ids. Set either this or ``features``.
        features: Number of input features.
        hidden_dim: Number of features per position.
        state_dim: Number of complex units per recurrence, divided between the directions.
        num_layers: Number of blocks.
        min_radius: Minimum absolute value of an eigenvalue at initialization.
        max_radius: Maximum absolute value of an eigenvalue at initialization; near 1 for long memories.
        max_phase: Maximum phase of an eigenvalue at initialization, in radians; use small ones for long sequences.
        bidirectional: Whether each block reads in both directions; the model is then not causal.
        dropout: Dropout rate after the input layer, after GELU and on the output of each block.
    """

    vocab_size: int | None = None
    features: int | None = None
    hidden_dim: int = 168
    state_dim: int = 168
    num_layers: int = 6
    min_radius: float = 0.5
    max_radius: float = 0.99
    max_phase: float = 2 * math.pi
    bidirectional: bool = False
    dropout: float = 0.1

    def __post_init__(self):
        check((self.vocab_size is None) != (self.features is None), "set vocab_size or features, one of them")
        for field in ("hidden_dim", "state_dim"):
            check(1 <= getattr(self, field) <= 65_536, f"{field} must be in 1..65536")
        check(1 <= self.num_layers <= 64, "num_layers must be in 1..64")
        check(0 <= self.min_radius < self.max_radius < 1, "min_radius and max_radius must be in [0, 1), in this order")
        check(0 < self.max_phase <= 2 * math.pi, "max_phase must be in (0, 2 pi]")
        check(not self.bidirectional or self.state_dim % 2 == 0, "state_dim must be even for two directions")
        check(0 <= self.dropout < 1, "dropout must be in [0, 1)")

    @property
    def causal(self) -> bool:
        """Whether each position depends only on itself and earlier ones."""
        return not self.bidirectional


class LRU(keras.layers.Layer):
    """``h_t = lambda * h_{t-1} + exp(gamma) * (B x_t)`` with complex ``h``, ``lambda`` and ``B`` (section 3.4).

    Each unit has ``lambda = exp(-exp(nu) + i exp(theta))``, whose absolute value stays below 1. At initialization
    ``exp(gamma)`` is ``sqrt(1 - |lambda| ** 2)``. A complex vector is stored as its real parts, then its imaginary
    parts. States are float32 even under mixed precision. A masked step adds nothing to the state.

    Args:
        units: Number of complex units.
        config: The config.
        name: Name of the layer.
    """

    def __init__(self, units: int, config: Config, name: str):
        super().__init__(name=name)
        self.supports_masking = True  # masks come as arguments; avoids a warning of Keras
        self.units = units
        self.config = config
        # Real and imaginary parts together have variance 1 / features.
        normal = keras.initializers.VarianceScaling(0.5, "fan_in", "normal")
        self.project = keras.layers.Dense(2 * units, use_bias=False, kernel_initializer=normal, name="project")

    def build(self, shape):
        self.project.build(shape)
        low, high = self.config.min_radius**2, self.config.max_radius**2

        def radii(shape, dtype):
            uniform = keras.initializers.RandomUniform(max(low, 1e-6), high)(shape, dtype)
            return ops.log(-0.5 * ops.log(uniform))  # uniform on the ring: squared radii are uniform

        def phases(shape, dtype):
            return ops.log(keras.initializers.RandomUniform(1e-3, self.config.max_phase)(shape, dtype))

        def norms(shape, dtype):
            return 0.5 * ops.log(-ops.expm1(-2 * ops.exp(ops.convert_to_tensor(self.nu))))

        self.nu = self.add_weight(shape=(self.units,), initializer=radii, name="nu")
        self.theta = self.add_weight(shape=(self.units,), initializer=phases, name="theta")
        # Use an initializer because Keras discards an assignment while it infers shapes.
        self.gamma = self.add_weight(shape=(self.units,), initializer=norms, name="gamma")

    def _eigenvalues(self):
        nu, theta = (ops.cast(weight, "float32") for weight in (self.nu, self.theta))
        radius, angle = ops.exp(-ops.exp(nu)), ops.exp(theta)
        return radius * ops.cos(angle), radius * ops.sin(angle)

    def _inputs(self, x):
        scale = ops.exp(ops.cast(self.gamma, "float32"))
        return [part * scale for part in ops.split(dense_float32(self.project, x), 2, axis=-1) or ()]

    def _parts(self, states):
        return ops.cast(ops.concatenate(states, axis=-1), self.compute_dtype)

    def call(self, x, mask=None):
        """Map ``(batch, time, features)`` to real and imaginary parts of all states, ``(batch, time, 2 * units)``."""
        return self._parts(complex_scan(self._eigenvalues(), self._inputs(zero_masked(x, mask))))

    def initial_state(self, batch_size: int) -> tuple:
        """Returns real and imaginary parts of the state before the first step: zeros, ``(batch, units)``."""
        return tuple(ops.zeros((batch_size, self.units), "float32") for _ in range(2))

    def step(self, x, state: tuple):
        """Map one step ``(batch, features)`` to ``(batch, 2 * units)`` and the next state."""
        carried = multiply(self._eigenvalues(), state)
        after = tuple(old + new for old, new in zip(carried, self._inputs(x), strict=True))
        return self._parts(after), after

    def prefill(self, x, state: tuple):
        """Map several steps ``(batch, count, features)`` as that many calls of ``step`` do."""
        states = complex_scan(self._eigenvalues(), self._inputs(x), state)
        return self._parts(states), tuple(part[:, -1] for part in states)


class LRUBlock(Block):
    """``x + GLU(gelu(Re(C h) + D * y))`` with ``y = norm(x)`` and ``h`` the states of an LRU over ``y``.

    ``Re(C h) = Re(C) Re(h) - Im(C) Im(h)`` is one real product with the concatenated parts of ``h``; the weights
    include the minus sign. ``GLU(y) = W_1 y * sigmoid(W_2 y)``.

    Args:
        config: The config.
        name: Name of the block.
    """

    def __init__(self, config: Config, name: str):
        super().__init__(config.hidden_dim, name)
        self.norm = layer_norm("norm")
        self.directions = Directions(
            lambda units, name: LRU(units, config, name), config.state_dim, config.bidirectional, "directions"
        )
        self.out = keras.layers.Dense(config.hidden_dim, use_bias=False, name="out")
        self.glu = keras.layers.Dense(2 * config.hidden_dim, name="glu")
        self.drop = Dropout(config.dropout, name="drop")

    def build(self, shape):
        self.norm.build(shape)
        self.directions.build(shape)
        self.out.build((*shape[:-1], 2 * self.directions.units))
        self.glu.build((*shape[:-1], self.hidden_dim))
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.skip = self.add_weight(shape=(self.hidden_dim,), initializer=normal, name="skip")

    def _join(self, x, y, states, training=False):
        y = self.drop(ops.gelu(self.out(states) + ops.cast(self.skip, y.dtype) * y), training=training)
        value, gate = ops.split(self.glu(y), 2, axis=-1)
        return x + self.drop(value * ops.sigmoid(gate), training=training)

    def call(self, x, mask=None, training=False):
        y = self.norm(x)
        return self._join(x, y, self.directions(y, mask=mask), training)

    def initial_state(self, batch_size):
        return self.directions.initial_state(batch_size)

    def step(self, x, state):
        y = self.norm(x)
        states, state = self.directions.step(y, state)
        return self._join(x, y, states), state

    def prefill(self, x, state):
        y = self.norm(x)
        states, state = self.directions.prefill(y, state)
        return self._join(x, y, states), state


def build(config: Config) -> Backbone:
    """Returns the backbone with its variables."""
    blocks: list[Block] = [LRUBlock(config, f"block_{i}") for i in range(config.num_layers)]
    blocks.append(FinalNorm(layer_norm("norm"), config.hidden_dim, "final_norm"))
    model = Backbone(blocks, config.hidden_dim, config.vocab_size, config.features, config.dropout, name="lru_backbone")
    model.build()
    return model


LRU_ARCHITECTURE = Architecture(
    name="lru",
    config=Config,
    build=build,
    sizes={
        "tiny": {"hidden_dim": 16, "state_dim": 16, "num_layers": 2, "dropout": 0.0},
        "small": {},
        "base": {"hidden_dim": 352, "state_dim": 352, "num_layers": 8},
    },
    paper="Orvieto et al. 2023 (arXiv 2303.06349)",
    receptive_field=lambda config: None,
    # through every step of one layer, then up through the others
    path_length=lambda config, length: length + config.num_layers - 1,
)
