"""The Transformer as a backbone: Vaswani et al. 2017 (arXiv 1706.03762), with pre-norm layers."""

import dataclasses

import keras
from keras import ops

from zoo.layers.attention import Attention, cache_update, cache_update_steps, rotate
from zoo.layers.dropout import Dropout
from zoo.layers.feed_forward import FeedForward
from zoo.models.architecture import Architecture, check
from zoo.models.backbones.backbone import Backbone, Block, FinalNorm


@dataclasses.dataclass(frozen=True)
class Config:
    """Hyper-parameters of a Transformer.

    Attributes:
        vocab_size: Number of token ids. Set either this or ``features``.
        features: Number of input features.
        hidden_dim: Number of features per position.
        num_heads: Number of attention heads; they share ``hidden_dim``.
        ffn_dim: Hidden units of each feed-forward layer.
        num_layers: Number of layers, each with one attention and one feed-forward layer.
        causal: Whether a position reads only itself and earlier ones.
        context: Number of positions that a causal position reads, including itself. With learned positions it is also
            the maximum sequence length, causal or not.
        positions: ``"rotary"`` (Su et al. 2021, arXiv 2104.09864) or ``"learned"``.
        activation: ``"gelu"`` (its tanh form) or ``"relu"``, in the feed-forward layers.
        dropout: Dropout rate on the input and on each residual branch.
    """

    vocab_size: int | None = None
    features: int | None = None
    hidden_dim: int = 128
    num_heads: int = 4
    ffn_dim: int = 512
    num_layers: int = 5
    causal: bool = True
    context: int = 512
    positions: str = "rotary"
    activation: str = "gelu"
    dropout: float = 0.1

    def __post_init__(self):
        check((self.vocab_size is None) != (self.features is None), "set vocab_size or features, one of them")
        for field in ("hidden_dim", "num_heads", "ffn_dim", "context"):
            check(1 <= getattr(self, field) <= 65_536, f"{field} must be in 1..65536")
        check(1 <= self.num_layers <= 64, "num_layers must be in 1..64")
        check(self.hidden_dim % self.num_heads == 0, "hidden_dim must be a multiple of num_heads")
        check(self.positions in ("rotary", "learned"), "positions must be rotary or learned")
        if self.positions == "rotary":
            check(self.hidden_dim // self.num_heads % 2 == 0, "rotary positions need an even hidden_dim / num_heads")
        check(self.activation in ("gelu", "relu"), "activation must be gelu or relu")
        check(0 <= self.dropout < 1, "dropout must be in [0, 1)")


def layer_norm(name: str) -> keras.layers.LayerNormalization:
    """Returns a layer norm with the epsilon of all Transformers in the zoo."""
    return keras.layers.LayerNormalization(epsilon=1e-5, name=name)


class LearnedPositions(Block):
    """Add a learned vector to each position; the state is the position, ``(batch,)``.

    Args:
        length: Maximum sequence length.
        hidden_dim: Number of features per position.
        name: Name of the block.
    """

    def __init__(self, length: int, hidden_dim: int, name: str):
        super().__init__(hidden_dim, name)
        self.max_length = length
        self.table = keras.layers.Embedding(length, hidden_dim, name="table")

    def build(self, shape):
        self.table.build((None,))

    def call(self, x, mask=None, training=False):
        """Map ``(batch, time, hidden_dim)`` to the same shape.

        Raises:
            ValueError: The sequence is longer than the table.
        """
        if x.shape[1] is not None and x.shape[1] > self.max_length:
            raise ValueError(
                f"a sequence of {x.shape[1]} positions, but learned positions end at context = {self.max_length}: "
                "shorten it, or build with a larger context or rotary positions"
            )
        return x + self._rows(ops.arange(ops.shape(x)[1]))

    def initial_state(self, batch_size):
        return ops.zeros((batch_size,), dtype="int32")

    def step(self, x, state):
        """Map one step; a step beyond the table yields NaN because a compiled step cannot raise."""
        return x + self._rows(state), state + 1

    def prefill(self, x, state):
        """Map several steps; steps beyond the table yield NaN."""
        count = x.shape[1]
        return x + self._rows(state[:, None] + ops.arange(count, dtype="int32")), state + count

    def _rows(self, positions):
        rows = self.table(ops.minimum(positions, self.max_length - 1))
        return ops.where((positions < self.max_length)[..., None], rows, float("nan"))


class TransformerLayer(Block):
    """Pre-norm self-attention and feed-forward, each with a residual connection.

    The state of the causal layer has the keys and the values of the last ``context`` positions, each
    ``(batch, context, hidden_dim)``, and the next position, ``(batch,)``. Keys and values form a ring buffer: a new
    position overwrites the oldest. Each key is rotated by its slot index when written. A query is rotated by its own
    slot for keys of this round, and by its slot plus one round for keys of the previous round. Angles therefore stay
    small for streams of any length.

    Args:
        config: The config.
        name: Name of the block.
    """

    def __init__(self, config: Config, name: str):
        super().__init__(config.hidden_dim, name)
        self.config = config
        self.attention_norm = layer_norm("attention_norm")
        self.attention = Attention(config.hidden_dim, config.num_heads, name="attention")
        self.feed_forward_norm = layer_norm("feed_forward_norm")
        self.feed_forward = FeedForward(config.hidden_dim, config.ffn_dim, config.activation, name="feed_forward")
        self.drop = Dropout(config.dropout, name="drop")

    def build(self, shape):
        # Build every layer here because a variable's path depends on where its layer is built.
        for part in (self.attention_norm, self.attention, self.feed_forward_norm, self.feed_forward):
            part.build(shape)

    def _place(self, x, positions):
        return rotate(x, positions) if self.config.positions == "rotary" else x

    def _feed_forward(self, x, training=False):
        return x + self.drop(self.feed_forward(self.feed_forward_norm(x)), training=training)

    def call(self, x, mask=None, training=False):
        y = self.attention_norm(x)
        keys, values = self.attention.keys_values(y)
        positions = ops.arange(ops.shape(x)[1])
        queries, keys = (self._place(z, positions) for z in (self.attention.queries(y), keys))
        age = positions[:, None] - positions[None]
        seen = ops.ones_like(age, dtype="bool")
        if self.config.causal:
            seen = (age >= 0) & (age < self.config.context)
        seen = seen[None] if mask is None else seen[None] & mask[:, None]
        y = self.attention(queries, keys, values, seen)
        return self._feed_forward(x + self.drop(y, training=training), training)

    def initial_state(self, batch_size):
        if not self.config.causal:
            return super().initial_state(batch_size)
        empty = ops.zeros((batch_size, self.config.context, self.config.hidden_dim), self.compute_dtype)
        return empty, empty, ops.zeros((batch_size,), dtype="int32")

    def step(self, x, state):
        if not self.config.causal:
            return super().step(x, state)
        context = self.config.context
        keys, values, position = state
        y = self.attention_norm(x)[:, None]
        slot = (position % context)[:, None]
        new_keys, new_values = self.attention.keys_values(y)
        flat = (-1, self.config.hidden_dim)
        keys = cache_update(keys, slot[:, 0], ops.reshape(self._place(new_keys, slot), flat))
        values = cache_update(values, slot[:, 0], ops.reshape(new_values, flat))
        this_round = ops.arange(context)[None] <= slot
        queries = self._place(
            ops.tile(self.attention.queries(y), (1, 2, 1, 1)), ops.concatenate([slot, slot + context], 1)
        )
        scores = self.attention.scores_for_few_queries(queries, keys)
        scores = ops.where(this_round[:, None], scores[:, 0], scores[:, 1])
        seen = this_round | (position >= context)[:, None]
        y = self.attention.attend_single_query(scores, values, seen)
        # The number only gives the slot and whether the ring is full, so it restarts before it overflows.
        position = ops.where(position + 1 == 2 * context, context, position + 1)
        return self._feed_forward(x + y), (keys, values, position)

    def prefill(self, x, state):
        context, count = self.config.context, x.shape[1]
        if not self.config.causal:
            return super().prefill(x, state)
        if count > context:  # more than the ring buffer holds
            first, state = self.prefill(x[:, :context], state)
            rest, state = self.prefill(x[:, context:], state)
            return ops.concatenate([first, rest], axis=1), state
        old_keys, old_values, position = state
        y = self.attention_norm(x)
        new_keys, new_values = self.attention.keys_values(y)
        # Positions count from the first slot of this round; those of the previous round follow behind it.
        start = (position % context)[:, None]
        positions, slots = start + ops.arange(count, dtype="int32"), ops.arange(context, dtype="int32")[None]
        this_round = slots < start
        ring = (-1, context, self.attention.num_heads, self.config.hidden_dim // self.attention.num_heads)
        keys = ops.reshape(old_keys, ring)
        turned_back = self._place(keys, ops.full((1, 1), -context))
        keys = [ops.where(this_round[..., None, None], keys, turned_back), self._place(new_keys, positions)]
        values = [ops.reshape(old_values, ring), new_values]
        places = ops.concatenate([ops.where(this_round, slots, slots - context), positions], axis=1)
        age = positions[..., None] - places[:, None]
        filled = this_round | (position >= context)[:, None]
        filled = ops.concatenate([filled, ops.ones_like(positions, "bool")], axis=1)
        seen = (age >= 0) & (age < context) & filled[:, None]
        queries = self._place(self.attention.queries(y), positions)
        y = self.attention(queries, ops.concatenate(keys, axis=1), ops.concatenate(values, axis=1), seen)
        flat, taken = (-1, count, self.config.hidden_dim), positions % context
        keys = cache_update_steps(old_keys, taken, ops.reshape(self._place(new_keys, taken), flat))
        values = cache_update_steps(old_values, taken, ops.reshape(new_values, flat))
        position = position + count
        position = ops.where(position >= 2 * context, position - context, position)
        return self._feed_forward(x + y), (keys, values, position)


def build(config: Config) -> Backbone:
    """Returns the backbone with its variables."""
    blocks: list[Block] = [TransformerLayer(config, f"layer_{i}") for i in range(config.num_layers)]
    if config.positions == "learned":
        blocks.insert(0, LearnedPositions(config.context, config.hidden_dim, "positions"))
    blocks.append(FinalNorm(layer_norm("norm"), config.hidden_dim, "final_norm"))
    model = Backbone(
        blocks,
        embedding_dim=config.hidden_dim,
        vocab_size=config.vocab_size,
        features=config.features,
        dropout=config.dropout,
        name="transformer",
    )
    model.build()
    return model


def receptive_field(config: Config) -> int | None:
    """Returns the number of steps that a causal output depends on: each layer adds ``context - 1``.

    With learned positions no sequence is longer than ``context``, so no output depends on more steps.
    """
    if not config.causal:
        return None
    return config.context if config.positions == "learned" else 1 + config.num_layers * (config.context - 1)


TRANSFORMER = Architecture(
    name="transformer",
    config=Config,
    build=build,
    sizes={
        "tiny": {"hidden_dim": 16, "num_heads": 2, "ffn_dim": 32, "num_layers": 2, "context": 16, "dropout": 0.0},
        "small": {},
        "base": {"hidden_dim": 256, "num_heads": 8, "ffn_dim": 1024, "num_layers": 8, "context": 1024},
    },
    paper="Vaswani et al. 2017 (arXiv 1706.03762)",
    receptive_field=receptive_field,
    path_length=lambda config, length: config.num_layers,
)
