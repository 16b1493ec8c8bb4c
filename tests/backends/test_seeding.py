"""Seeding without TensorFlow is Keras's seeding; in a process of its own on each backend."""

import os
import subprocess
import sys

import pytest

CODE = """
import random, sys
from pathlib import Path
import keras, numpy as np, zoo
from zoo.training.config import TrainingConfig
from zoo.backends.seeding import seed_everything

def drawn():
    layers = [keras.layers.Dense(3), keras.layers.Dropout(0.5)]
    x = keras.Sequential(layers)(np.ones((4, 8), "float32"), training=True)
    return [keras.ops.convert_to_numpy(x), random.random(), np.random.rand(3)]

rows = "\\n".join(f"{word},{' '.join(word)}" for word in (a + b + c for a in "bdgk" for b in "aeo" for c in "nst"))
Path("words.csv").write_text("word,phones\\n" + rows + "\\n")
short = TrainingConfig(epochs=1)
zoo.fine_tune("rnn_tiny", "words.csv", input="word", target="phones", training_config=short).predict(["ban"])
assert "tensorflow" not in sys.modules
seed_everything(7)
first = drawn()
seed_everything(7)
again = drawn()
keras.utils.set_random_seed(7)
keras_own = drawn()
for a, b, c in zip(first, again, keras_own, strict=True):
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(a, c)
assert 0 < (first[0] == 0).mean() < 1
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_seed_gives_what_keras_gives_and_fine_tuning_imports_no_other_backend(backend, tmp_path):
    environment = {**os.environ, "KERAS_BACKEND": backend}
    run = subprocess.run([sys.executable, "-c", CODE], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3_000:]
