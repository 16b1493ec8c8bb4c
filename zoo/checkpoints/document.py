"""Documents: the parts of a record besides spec and weights, for models without a record."""

from typing import Any

import keras

from zoo.version import __version__


def blank_document(name: str) -> dict[str, Any]:
    """Returns a document without training history or scores."""
    return {
        "name": name,
        "licence": {"weights": "the user's", "data": "the user's"},
        "data": {"name": "unknown", "source": "the user's", "fingerprint": "0" * 64, "splits": {}},
        "training": {
            "recipe": {},
            "seed": 0,
            "backend": keras.backend.backend(),
            "versions": {"seqzoo": __version__, "keras": keras.__version__},
            "seconds": 0.0,
            "steps": 0,
            "curve": [],
        },
        "metrics": [],
        "published": [],
        "golden": {"inputs": [], "outputs": []},
    }


def modified_document(name: str, before: dict[str, Any], sha256: str, golden: dict[str, list[Any]]) -> dict[str, Any]:
    """Returns the document of a model that was trained further: without scores.

    Args:
        name: Name of the model.
        before: Document before the further training.
        sha256: SHA-256 of the weights that ``before`` describes.
        golden: Example inputs and outputs of the current weights.
    """
    document = blank_document(name)
    document["licence"] = {
        part: f"the user's, and as {before['name']}: {licence}" for part, licence in before["licence"].items()
    }
    document["training"]["recipe"] = {"modified_from": {"name": before["name"], "sha256": sha256}}
    document["golden"] = golden
    return document
