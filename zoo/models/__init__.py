"""The architectures of the zoo, by name. Nothing here imports a backend until one is resolved."""

from zoo.models.architecture import Architecture, resolve

# Backbones: a sequence in, a vector a position out.
ARCHITECTURES = {
    "rnn": "zoo.models.recurrent:RNN",
    "lstm": "zoo.models.recurrent:LSTM",
    "gru": "zoo.models.recurrent:GRU",
    "tcn": "zoo.models.tcn:TCN",
    "wavenet": "zoo.models.wavenet:WAVENET",
    "transformer": "zoo.models.transformer:TRANSFORMER",
    "hierarchical_attention": "zoo.models.hierarchical_attention:HIERARCHICAL_ATTENTION",
}

# Sequence to sequence: a source sequence in, a target sequence out.
SEQ2SEQ = {
    "rnn": "zoo.models.recurrent_seq2seq:RNN_SEQ2SEQ",
    "lstm": "zoo.models.recurrent_seq2seq:LSTM_SEQ2SEQ",
    "gru": "zoo.models.recurrent_seq2seq:GRU_SEQ2SEQ",
    "transformer": "zoo.models.transformer_seq2seq:TRANSFORMER_SEQ2SEQ",
}

# Documents: sentences of words in, one vector out.
DOCUMENT = {
    "hierarchical_attention_network": "zoo.models.hierarchical_attention_network:HIERARCHICAL_ATTENTION_NETWORK",
}

SIZES = ("tiny", "small", "base")


def find_backbone(name: str) -> Architecture:
    """Returns a backbone architecture by name (raises InputError for an unknown one)."""
    return resolve(ARCHITECTURES, name)


def find_seq2seq(name: str) -> Architecture:
    """Returns a sequence-to-sequence architecture by name (raises InputError for an unknown one)."""
    return resolve(SEQ2SEQ, name)


def architecture_and_size(name: str) -> tuple[str, str] | None:
    """Splits ``"lstm_small"`` into architecture and size; ``None`` for other names, checkpoints' for instance."""
    architecture, _, size = name.rpartition("_")
    known = architecture in {*ARCHITECTURES, *SEQ2SEQ, *DOCUMENT}
    return (architecture, size) if known and size in SIZES else None


def sizes() -> list[str]:
    """Returns every name that ``architecture_and_size`` splits."""
    names = sorted({*ARCHITECTURES, *SEQ2SEQ, *DOCUMENT})
    return [f"{name}_{size}" for name in names for size in SIZES]
