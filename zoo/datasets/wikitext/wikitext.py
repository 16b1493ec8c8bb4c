"""WikiText-2 (Merity et al. 2016, arXiv 1609.07843) as plain text, as a TFDS builder."""

import re
from collections.abc import Iterator

import tensorflow_datasets as tfds

from zoo.datasets import fetch

_REPOSITORY = (
    "https://raw.githubusercontent.com/pytorch/examples/77f55b912142e11fcfdf5b530231fb9c52f181e8"
    "/word_language_model/data/wikitext-2"
)
URLS = {
    split: f"{_REPOSITORY}/{file}.txt"
    for split, file in (("train", "train"), ("validation", "valid"), ("test", "test"))
}

_RULES = (
    (r" @([-,.])@ ", r"\1"),
    (r" ([,.;:!?%)\]])", r"\1"),
    (r"([(\[$£]) ", r"\1"),
    (r" ('s|'t|'re|'ve|'ll|'d|'m|n't)\b", r"\1"),
    (r" '(?=\s)", "'"),
    (r'" ([^"]*) "', r'"\1"'),
)


def plain(line: str) -> str:
    """Returns a tokenised line as normal text; ``<unk>`` stays."""
    line = line.strip()
    for pattern, replacement in _RULES:
        line = re.sub(pattern, replacement, line)
    return line


def read(path: str) -> Iterator[dict[str, str]]:
    """Yield each article's ``text`` and the number of its ``words``: its tokens, plus one per line end."""
    lines: list[str] = []
    words = 0
    with open(path, encoding="utf-8") as file:
        for line in file:
            if re.match(r" = [^=].* = $", line.rstrip("\n")) and any(lines):
                yield {"text": "\n".join(lines), "words": str(words)}
                lines, words = [], 0
            words += len(line.split()) + 1
            if line.strip():
                lines.append(plain(line))
    yield {"text": "\n".join(lines), "words": str(words)}


class Wikitext2(tfds.core.GeneratorBasedBuilder):
    """Articles of WikiText-2 as plain text, with the number of tokens for word perplexities as in papers."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({"text": tfds.features.Text(), "words": tfds.features.Text()}),
            homepage="https://github.com/pytorch/examples",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        paths = fetch(self, dl_manager, URLS)
        return {split: self._generate_examples(path) for split, path in paths.items()}

    def _generate_examples(self, path: str) -> Iterator[tuple[int, dict]]:
        yield from enumerate(read(path))
