"""The zoo's architectures by name. This module imports no backend until an architecture is resolved."""

from zoo.models.architecture import Architecture, resolve

# Backbones map a sequence to one vector per position.
ARCHITECTURES = {
    "rnn": "zoo.models.backbones.recurrent:RNN",
    "lstm": "zoo.models.backbones.recurrent:LSTM",
    "gru": "zoo.models.backbones.recurrent:GRU",
    "tcn": "zoo.models.backbones.tcn:TCN",
    "wavenet": "zoo.models.backbones.wavenet:WAVENET",
    "transformer": "zoo.models.backbones.transformer:TRANSFORMER",
    "min_gru": "zoo.models.backbones.min_rnn:MIN_GRU",
    "min_lstm": "zoo.models.backbones.min_rnn:MIN_LSTM",
    "lru": "zoo.models.backbones.lru:LRU_ARCHITECTURE",
    "rg_lru": "zoo.models.backbones.rg_lru:RG_LRU",
    "hierarchical_attention": "zoo.models.backbones.hierarchical_attention:HIERARCHICAL_ATTENTION",
}

# Sequence-to-sequence models map a source sequence to a target sequence.
SEQ2SEQ = {
    "rnn": "zoo.models.seq2seq.recurrent:RNN_SEQ2SEQ",
    "lstm": "zoo.models.seq2seq.recurrent:LSTM_SEQ2SEQ",
    "gru": "zoo.models.seq2seq.recurrent:GRU_SEQ2SEQ",
    "transformer": "zoo.models.seq2seq.transformer:TRANSFORMER_SEQ2SEQ",
    "tcn": "zoo.models.seq2seq.convolutional:TCN_SEQ2SEQ",
    "pervasive_attention": "zoo.models.seq2seq.pervasive_attention:PERVASIVE_ATTENTION",
}

# Document models map sentences of words to one vector.
DOCUMENT = {
    "hierarchical_attention_network": "zoo.models.documents.hierarchical_attention_network:NETWORK",
}

SIZES = ("tiny", "small", "base")


def find_backbone(name: str) -> Architecture:
    """Returns a backbone architecture by name (raises InputError for an unknown one)."""
    return resolve(ARCHITECTURES, name)


def find_seq2seq(name: str) -> Architecture:
    """Returns a sequence-to-sequence architecture by name (raises InputError for an unknown one)."""
    return resolve(SEQ2SEQ, name)


def architecture_and_size(name: str) -> tuple[str, str] | None:
    """Split ``"lstm_small"`` into architecture and size; returns ``None`` for other names, such as checkpoints."""
    architecture, _, size = name.rpartition("_")
    known = architecture in {*ARCHITECTURES, *SEQ2SEQ, *DOCUMENT}
    return (architecture, size) if known and size in SIZES else None


def sizes() -> list[str]:
    """Returns all names that ``architecture_and_size`` can split."""
    names = sorted({*ARCHITECTURES, *SEQ2SEQ, *DOCUMENT})
    return [f"{name}_{size}" for name in names for size in SIZES]


def find_without_head(name: str) -> Architecture:
    """Returns a backbone or a document architecture by name (raises InputError for an unknown one)."""
    return resolve({**ARCHITECTURES, **DOCUMENT}, name)
