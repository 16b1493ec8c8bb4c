"""Requests of customers and users with their intents: BANKING77 and CLINC150, as a TFDS builder."""

import csv
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds

from zoo.datasets import fetch
from zoo.datasets.sentences.sentences import hashed_split

_BANKING = (
    "https://raw.githubusercontent.com/PolyAI-LDN/task-specific-datasets/57ec275d8078af65b7731c2a98be812d844a6d6b"
    "/banking_data"
)
_CLINC = "https://raw.githubusercontent.com/clinc/oos-eval/828f8093932c8fe6ca7936c3d2e52903b1c523de/data"


@dataclasses.dataclass(eq=False)
class IntentsConfig(tfds.core.BuilderConfig):
    """One of the sets.

    Attributes:
        urls: URL per file.
    """

    urls: dict[str, str] = dataclasses.field(default_factory=dict)


CONFIGS = {
    config.name: config
    for config in (
        IntentsConfig(
            name="banking77",
            description="Questions to a bank in 77 intents (Casanueva et al. 2020)",
            urls={"train": f"{_BANKING}/train.csv", "test": f"{_BANKING}/test.csv"},
        ),
        IntentsConfig(
            name="clinc150",
            description="Requests to an assistant in 150 intents (Larson et al. 2019)",
            urls={"requests": f"{_CLINC}/data_full.json"},
        ),
        IntentsConfig(
            name="clinc150_domains",
            description="The requests of clinc150 in the 10 domains of their intents",
            urls={"requests": f"{_CLINC}/data_full.json", "domains": f"{_CLINC}/domains.json"},
        ),
    )
}


def read_table(path: str) -> list[dict[str, str]]:
    """Read a CSV file with the columns ``text`` and ``category``; white space around a text is removed.

    Raises:
        ValueError: The columns have other names.
    """
    with open(path, encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        if table.fieldnames != ["text", "category"]:
            raise ValueError(f"{path}:1: columns {table.fieldnames}: expected text and category")
        return [{"text": row["text"].strip(), "label": row["category"]} for row in table]


def read_requests(path: str, domains: str | None = None) -> dict[str, list[dict[str, str]]]:
    """Read the splits of CLINC150 without the requests that are out of scope.

    Args:
        path: Path of the JSON file with lists of text and intent per split.
        domains: Path of the JSON file with the intents of each domain. The label is then the domain.
    """
    splits = _json(path)
    labels = {}
    if domains is not None:
        labels = {intent: domain for domain, intents in _json(domains).items() for intent in intents}
    return {
        split: [{"text": text, "label": labels[intent] if domains else intent} for text, intent in splits[key]]
        for split, key in {"train": "train", "validation": "val", "test": "test"}.items()
    }


def _json(path: str) -> dict[str, Any]:
    with open(path, encoding="utf-8") as file:
        return json.load(file)


class Intents(tfds.core.GeneratorBasedBuilder):
    """Requests and their intents.

    ``clinc150`` has its authors' splits. ``banking77`` has its authors' test split, and a tenth of the training rows
    for validation, chosen by a hash of the text.
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = list(CONFIGS.values())

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({"text": tfds.features.Text(), "label": tfds.features.Text()}),
            supervised_keys=("text", "label"),
            homepage="https://github.com/clinc/oos-eval and https://github.com/PolyAI-LDN/task-specific-datasets",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        paths = fetch(self, dl_manager, CONFIGS[self.builder_config.name].urls)
        if "requests" in paths:
            splits = read_requests(paths["requests"], paths.get("domains"))
        else:
            rows = read_table(paths["train"])
            splits = {
                "train": [row for row in rows if hashed_split(row["text"]) != "validation"],
                "validation": [row for row in rows if hashed_split(row["text"]) == "validation"],
                "test": read_table(paths["test"]),
            }
        return {split: self._generate_examples(rows) for split, rows in splits.items()}

    def _generate_examples(self, rows: list[dict[str, str]]) -> Iterator[tuple[int, dict]]:
        yield from enumerate(rows)
