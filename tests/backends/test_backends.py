"""The same weights give the same outputs on TensorFlow, JAX and torch.

Run as a script with a path, this file writes every model's output on the backend of KERAS_BACKEND.
"""

import contextlib
import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

BACKENDS = ("tensorflow", "jax", "torch")
SYMBOLS, TIME = 11, 20


def variants():
    """Yield a label, an architecture and the fields it is configured with."""
    import dataclasses

    from zoo.models import registry

    for name in registry.ARCHITECTURES:
        architecture = registry.find_backbone(name)
        known = {field.name for field in dataclasses.fields(architecture.config)}
        yield name, architecture, {"vocab_size": SYMBOLS}
        for field, value in (("bidirectional", True), ("causal", False), ("gate", 0.5)):
            if field in known:
                yield f"{name}-{field}", architecture, {"vocab_size": SYMBOLS, field: value}
    for name in registry.DOCUMENT:
        yield name, registry.resolve(registry.DOCUMENT, name), {"vocab_size": SYMBOLS}
    for name in registry.SEQ2SEQ:
        symbols = {"source_vocab_size": SYMBOLS, "target_vocab_size": SYMBOLS}
        yield f"{name}-seq2seq", registry.find_seq2seq(name), symbols
        others = {
            "transformer": {"relative": 4},
            "pervasive_attention": {"kernel_size": 5},
            "tcn": {"decoder_layers": 2},
        }
        variant = others.get(name, {"attention": "gnmt", "decoder_layers": 2})
        yield f"{name}-{next(iter(variant))}", registry.find_seq2seq(name), {**symbols, **variant}


def outputs() -> dict[str, np.ndarray]:
    """Build every variant, give it weights that depend on their paths only, and run it."""
    import keras
    from keras import ops

    from zoo.backends.keras_internals import deferred_variables, initialize_deferred
    from zoo.models import registry

    ids = np.random.default_rng(0).integers(3, SYMBOLS, (2, TIME)).astype("int32")
    mask = np.arange(TIME) < np.array([[TIME], [TIME - 6]])
    result = {}
    for label, architecture, fields in variants():
        config = architecture.configure("tiny", **fields)
        # JAX would compile a program for the initial values of each shape.
        with deferred_variables() if keras.backend.backend() == "jax" else contextlib.nullcontext():
            model = architecture.build(config)
        for v in model.weights:
            if "seed_generator" not in v.path:
                drawn = np.random.default_rng(zlib.crc32(v.path.encode())).normal(0, 0.3, v.shape)
                v.assign((np.abs(drawn) if v.path.endswith("variance") else drawn).astype("float32"))
        initialize_deferred(model)  # seeds of dropout
        if label in registry.DOCUMENT:
            documents = {"tokens": ids.reshape(2, 4, 5), "mask": mask.reshape(2, 4, 5)}
            result[label] = ops.convert_to_numpy(model(documents))
        elif "vocab_size" in fields:
            whole = ops.convert_to_numpy(model({"tokens": ids, "mask": mask}))
            result[label] = np.where(mask[..., None], whole, 0)
            if config.causal:
                result[f"{label}-read"] = model.stream(2).prefill(ids[:, :16])
        else:
            result[label] = ops.convert_to_numpy(model({"source": ids, "source_mask": mask, "target": ids[:, :9]}))
    return result


@pytest.mark.slow
def test_outputs_are_those_of_tensorflow(tmp_path):
    from zoo.models import registry

    result = {}
    for backend in BACKENDS:
        file = tmp_path / f"{backend}.npz"
        environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(Path(__file__).parents[2])}
        run = subprocess.run([sys.executable, __file__, str(file)], env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr[-3000:]
        with np.load(file) as arrays:
            result[backend] = dict(arrays)
    expected = result.pop("tensorflow")
    assert len(expected) > len(registry.ARCHITECTURES) + len(registry.SEQ2SEQ)
    assert all(np.abs(v).max() > 1e-2 for v in expected.values())
    for backend, outputs_there in result.items():
        assert outputs_there.keys() == expected.keys()
        # 1e-5 of each model's largest output; all that differ are named at once.
        off = {f"{backend} {k}": np.abs(outputs_there[k] - v).max() / np.abs(v).max() for k, v in expected.items()}
        assert {k: v for k, v in off.items() if not v <= 1e-5} == {}


if __name__ == "__main__":
    np.savez(sys.argv[1], **outputs())
