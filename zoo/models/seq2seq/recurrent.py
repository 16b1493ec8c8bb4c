"""Recurrent encoder-decoders with attention: Bahdanau et al. 2015, Luong et al. 2015, Wu et al. 2016."""

import dataclasses

import keras
from keras import ops

from zoo.layers.attention import masked, softmax
from zoo.layers.dropout import Dropout
from zoo.layers.masks import real_everywhere
from zoo.layers.recurrence import LAYERS, Bidirectional
from zoo.models.architecture import Architecture, check
from zoo.models.seq2seq.seq2seq import Seq2Seq, output_layer


@dataclasses.dataclass(frozen=True)
class Config:
    """Hyper-parameters of a recurrent encoder-decoder.

    Attributes:
        source_vocab_size: Number of source ids.
        target_vocab_size: Number of target ids.
        embedding_dim: Number of features of both embeddings.
        encoder_units: Units per direction of each encoder layer.
        encoder_layers: Number of bidirectional layers.
        decoder_units: Units of each decoder layer, and of the readout.
        decoder_layers: Number of decoder layers.
        attention: ``"bahdanau"`` (additive, computed before the step, arXiv 1409.0473), ``"luong"`` (general, computed
            after the step, with input feeding, arXiv 1508.04025) or ``"gnmt"`` (general, computed from the output of
            the lowest decoder layer and fed into those above, arXiv 1609.08144). With ``"gnmt"``, no context flows into
            a later query, so training runs each layer over the whole target at once.
        dropout: Dropout rate on embeddings, between encoder layers, on the memory and on the readout.
        tie_embeddings: Whether source, target and output layer share one embedding, of one joint vocabulary (Press &
            Wolf 2017, arXiv 1608.05859). The readout then has ``embedding_dim`` units.
    """

    source_vocab_size: int
    target_vocab_size: int
    embedding_dim: int = 128
    encoder_units: int = 160
    encoder_layers: int = 2
    decoder_units: int = 256
    decoder_layers: int = 1
    attention: str = "bahdanau"
    dropout: float = 0.1
    tie_embeddings: bool = False

    def __post_init__(self):
        for field in ("source_vocab_size", "target_vocab_size", "embedding_dim", "encoder_units", "decoder_units"):
            check(1 <= getattr(self, field) <= 65_536, f"{field} must be in 1..65536")
        check(1 <= self.encoder_layers <= 16, "encoder_layers must be in 1..16")
        check(1 <= self.decoder_layers <= 16, "decoder_layers must be in 1..16")
        check(self.attention in ("bahdanau", "luong", "gnmt"), "attention must be 'bahdanau', 'luong' or 'gnmt'")
        check(0 <= self.dropout < 1, "dropout must be in [0, 1)")
        same = self.source_vocab_size == self.target_vocab_size
        check(same or not self.tie_embeddings, "tie_embeddings needs one vocabulary for source and target")

    @property
    def readout_units(self) -> int:
        """Units of the readout; with Luong's attention, also of the attentional vector that is fed."""
        return self.embedding_dim if self.tie_embeddings else self.decoder_units


@keras.saving.register_keras_serializable(package="zoo")
class RecurrentSeq2Seq(Seq2Seq):
    """A bidirectional encoder, attention, and a decoder that runs one step at a time.

    The decoder starts from the backward encoder's state at the first position (Bahdanau et al. 2015, A.2.2). With
    ``"bahdanau"`` attention, the state before the step queries the memory, and the context is an input of the step.
    With ``"luong"``, the state after the step queries the memory, and the attentional vector is an input of the next
    step. With ``"gnmt"``, the query is between the decoder's layers.

    Args:
        cell: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        config: The config.

    Example:
        >>> import numpy as np, zoo
        >>> sizes = {"source_vocab_size": 9, "target_vocab_size": 7}
        >>> model = zoo.create_model("lstm_tiny", task="sequence_to_sequence", **sizes)
        >>> source, target = np.ones((2, 5), "int32"), np.ones((2, 4), "int32")
        >>> model.predict({"source": source, "source_mask": source > 0, "target": target}, verbose=0).shape
        (2, 4, 7)
    """

    def __init__(self, cell: str, config: Config):
        super().__init__(config, f"{cell}_seq2seq")
        layer = LAYERS[cell]
        self.source_embed = keras.layers.Embedding(config.source_vocab_size, config.embedding_dim, name="source_embed")
        self.target_embed = self.source_embed
        if not config.tie_embeddings:
            self.target_embed = keras.layers.Embedding(
                config.target_vocab_size, config.embedding_dim, name="target_embed"
            )
        self.encoder = [
            Bidirectional(cell, config.encoder_units, name=f"encoder_{i}") for i in range(config.encoder_layers)
        ]
        self.decoder = [
            layer(config.decoder_units, return_sequences=True, name=f"decoder_{i}")
            for i in range(config.decoder_layers)
        ]
        self.states_per_layer = 2 if cell == "lstm" else 1
        self.bridges = [
            keras.layers.Dense(config.decoder_units, activation="tanh", name=f"bridge_{i}")
            for i in range(config.decoder_layers * self.states_per_layer)
        ]
        units = config.decoder_units
        self.additive = config.attention == "bahdanau"
        self.key = keras.layers.Dense(units, use_bias=self.additive, name="attention_key")
        if self.additive:
            self.query = keras.layers.Dense(units, use_bias=False, name="attention_query")
            self.score = keras.layers.Dense(1, use_bias=False, name="attention_score")
        self.readout = keras.layers.Dense(config.readout_units, activation="tanh", name="readout")
        tied = self.target_embed if config.tie_embeddings else None
        self.logits = output_layer(config.target_vocab_size, tied)
        self.drop = Dropout(config.dropout, name="drop")

    def encode(self, source, mask, training=False) -> dict:
        """Returns ``values (batch, source_time, 2 * encoder_units)``, ``keys``, ``mask``."""
        mask = real_everywhere(source) if mask is None else ops.cast(mask, "bool")
        x = self.drop(self.source_embed(source), training=training)
        for layer in self.encoder:
            x = self.drop(layer(x, mask=mask, training=training), training=training)
        return {"values": x, "keys": self.key(x), "mask": mask}

    def initial_state(self, memory: dict, steps: int | None = None) -> tuple:
        """Returns the decoder's states before the first step: those of the layers, then Luong's fed vector."""
        backward = memory["values"][:, 0, self.config.encoder_units :]
        states = tuple(bridge(backward) for bridge in self.bridges)
        if self.config.attention == "luong":
            states += (ops.zeros((ops.shape(backward)[0], self.config.readout_units), dtype=backward.dtype),)
        return states

    def attend(self, query, memory: dict):
        """Attend to the memory.

        Args:
            query: ``(batch, target_time, units)``.
            memory: From ``encode``.

        Returns:
            The contexts ``(batch, target_time, values)`` and weights ``(batch, target_time, source_time)``.
        """
        if self.additive:
            sums = self.query(query)[:, :, None] + memory["keys"][:, None]
            scores = self.score(ops.tanh(sums))[..., 0]
        else:
            scores = ops.matmul(query, ops.transpose(memory["keys"], (0, 2, 1)))
        weights = softmax(masked(scores, memory["mask"][:, None]))
        return ops.matmul(weights, memory["values"]), weights

    def _attend_once(self, query, memory: dict):
        """Compute ``attend`` for one step: ``(batch, units)`` to ``(batch, values)`` and ``(batch, source_time)``."""
        context, weights = self.attend(query[:, None], memory)
        return context[:, 0], weights[:, 0]

    def _advance(self, embedded, state: tuple, memory: dict):
        """Run one step; returns the input of the readout, the attention weights and the next state."""
        states = state[: len(self.bridges)]
        context = weights = None
        if self.config.attention == "bahdanau":
            context, weights = self._attend_once(states[-self.states_per_layer], memory)
            x = ops.concatenate([embedded, context], axis=-1)
        elif self.config.attention == "luong":
            x = ops.concatenate([embedded, state[-1]], axis=-1)
        else:
            x = embedded
        after = []
        for i, layer in enumerate(self.decoder):
            x, new = layer.cell(x, list(states[i * self.states_per_layer : (i + 1) * self.states_per_layer]))
            after.extend(new if isinstance(new, list | tuple) else [new])
            if self.config.attention == "gnmt":
                if i == 0:
                    context, weights = self._attend_once(x, memory)
                x = ops.concatenate([x, context], axis=-1)
        if self.config.attention == "gnmt":
            return x, weights, tuple(after)
        if self.config.attention == "bahdanau":
            return ops.concatenate([x, embedded, context], axis=-1), weights, tuple(after)
        context, weights = self._attend_once(x, memory)
        attentional = self.readout(ops.concatenate([context, x], axis=-1))
        return attentional, weights, (*after, attentional)

    def _read_out(self, out):
        """Apply the readout, unless ``_advance`` has applied it to feed it into the next step."""
        return out if self.config.attention == "luong" else self.readout(out)

    def step(self, target, state: tuple, memory: dict):
        out, weights, state = self._advance(self.target_embed(target), state, memory)
        return self.logits(self._read_out(out)), weights, state

    def align(self, inputs: dict, training=False):
        memory = self.encode(inputs["source"], inputs.get("source_mask"), training=training)
        embedded = self.drop(self.target_embed(inputs["target"]), training=training)
        run = self._run_layers if self.config.attention == "gnmt" else self._run_steps
        out, weights = run(embedded, memory, training)
        return self.logits(self.drop(self._read_out(out), training=training)), weights

    def _run_layers(self, embedded, memory: dict, training: bool):
        """Run the decoder over the whole target, layer by layer; returns the same as ``_run_steps``."""
        state = self.initial_state(memory)
        x, context, weights = embedded, None, None
        for i, layer in enumerate(self.decoder):
            states = list(state[i * self.states_per_layer : (i + 1) * self.states_per_layer])
            x = layer(x, initial_state=states, training=training)
            if i == 0:
                context, weights = self.attend(x, memory)
            x = ops.concatenate([self.drop(x, training=training), context], axis=-1)
        return x, weights

    def _run_steps(self, embedded, memory: dict, training: bool):
        """Run the decoder step by step.

        Returns:
            The input of the readout, ``(batch, target_time, ...)``, and weights ``(batch, target_time, source_time)``.
        """
        state = self.initial_state(memory)

        def advance(carry, x):
            out, weights, state = self._advance(x, carry[0], memory)
            carry = (state, out, weights)
            return carry, carry

        # On TensorFlow, outputs of a scan must have the shape of its carry, so it carries all of them.
        out, weights, _ = self._advance(embedded[:, 0], state, memory)
        carry = (state, ops.zeros_like(out), ops.zeros_like(weights))
        # Dropout and the readout are outside the loop: one large product instead of many.
        _, (_, out, weights) = ops.scan(advance, carry, ops.transpose(embedded, (1, 0, 2)))
        return ops.transpose(out, (1, 0, 2)), ops.transpose(weights, (1, 0, 2))

    def encoder_parts(self):
        return list(self.encoder)

    def build_variables(self) -> None:
        """Create every variable layer by layer; for a run of the model, TensorFlow would trace each loop."""
        embedding_dim, encoded, units = (
            self.config.embedding_dim,
            2 * self.config.encoder_units,
            self.config.decoder_units,
        )
        for embed in dict.fromkeys((self.source_embed, self.target_embed)):  # once if they are one
            embed.build((None, None))
        for i, layer in enumerate(self.encoder):
            layer.build((None, None, encoded if i else embedding_dim))
        fed = {"bahdanau": encoded, "luong": self.config.readout_units, "gnmt": 0}[self.config.attention]
        beside = encoded if self.config.attention == "gnmt" else 0  # attention between the layers
        for i, layer in enumerate(self.decoder):
            layer.build((None, None, units + beside if i else embedding_dim + fed))
        for bridge in self.bridges:
            bridge.build((None, self.config.encoder_units))
        self.key.build((None, None, encoded))
        if self.additive:
            self.query.build((None, None, units))
            self.score.build((None, None, None, units))
        self.readout.build((None, units + encoded + (embedding_dim if self.additive else 0)))
        self.logits.build((None, self.config.readout_units))
        self.built = True


def _builder(cell: str):
    def build(config: Config) -> RecurrentSeq2Seq:
        model = RecurrentSeq2Seq(cell, config)
        model.build_variables()
        return model

    return build


def _architecture(cell: str, encoder_units: int, decoder_units: int) -> Architecture:
    """Returns the architecture for one cell; ``small`` has about the same number of parameters with each cell."""
    return Architecture(
        name=cell,
        config=Config,
        build=_builder(cell),
        sizes={
            "tiny": {
                "embedding_dim": 16,
                "encoder_units": 16,
                "encoder_layers": 1,
                "decoder_units": 16,
                "dropout": 0.0,
            },
            "small": {
                "encoder_units": encoder_units,
                "decoder_units": decoder_units,
                "decoder_layers": 2,
                "attention": "gnmt",
            },
            "base": {
                "embedding_dim": 256,
                "encoder_units": 2 * encoder_units,
                "decoder_units": 2 * decoder_units,
                "decoder_layers": 2,
                "attention": "gnmt",
            },
        },
        paper="Bahdanau et al. 2015 (arXiv 1409.0473); Wu et al. 2016 (arXiv 1609.08144)",
        receptive_field=lambda config: None,
        # from the first target symbol to the last, through every decoder step and layer
        path_length=lambda config, length: length * config.decoder_layers + config.encoder_layers,
    )


RNN_SEQ2SEQ = _architecture("rnn", 288, 400)
LSTM_SEQ2SEQ = _architecture("lstm", 160, 224)
GRU_SEQ2SEQ = _architecture("gru", 184, 256)
