"""A made-up text and small untrained models of characters, for the probe and its page."""

import numpy as np
from samples import document

from zoo.data.examples import Examples
from zoo.fitting.setup import fresh
from zoo.pipeline import Pipeline
from zoo.tasks import find_task

TEXT = "".join(np.random.default_rng(0).choice(list("abcd\n"), 600))


def texts() -> Examples:
    return Examples([TEXT], [""], ["made:1"])


def characters(architecture: str = "tcn", **fields) -> Pipeline:
    return fresh(find_task("language_modelling"), architecture, "tiny", texts(), seed=1, **fields)


def saved(pipeline: Pipeline, folder, name: str = "mine"):
    """Save a pipeline under a name and return its folder."""
    pipeline.document = document(name)
    pipeline.save(folder)
    return folder
