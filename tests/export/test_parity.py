"""Exported graphs give what the models give, over the registry: every length, every batch, masks and states."""

import dataclasses

import numpy as np
import pytest
from exported import BATCHES, close, model_and_spec, numpy, run, sessions, tensors_of
from keras import ops, tree

from zoo.export.graphs import build_graphs
from zoo.models import registry

LENGTHS = pytest.mark.parametrize("lengths", [(1, 2, 17), pytest.param((300,), marks=pytest.mark.slow)], ids=str)
BACKBONES = sorted(registry.ARCHITECTURES)
CASES = [
    *((name, {}) for name in BACKBONES),
    *((name, {"bidirectional": False}) for name in ("rnn", "lstm", "gru", "lru", "min_gru", "rg_lru")),
    ("lstm", {"residual": True}),
    ("gru", {"residual": True, "bidirectional": False}),
    ("hierarchical_attention", {"causal": True, "gate": 0.3}),
    ("tcn", {"causal": True}),
    ("tcn", {"causal": True, "norm": True}),
    ("transformer", {"causal": True, "context": 7}),
    ("transformer", {"positions": "learned", "context": 300, "activation": "relu"}),
    ("wavenet", {"rectified": True}),
    ("min_gru", {"kernel_size": 1}),
]
SEQ2SEQ = [
    *((name, {}) for name in sorted(registry.SEQ2SEQ)),
    *(
        (cell, {"attention": kind, "decoder_layers": 2, "encoder_layers": 2})
        for cell in ("rnn", "lstm", "gru")
        for kind in ("luong", "gnmt", "bahdanau")
    ),
    ("transformer", {"norm_first": False, "relative": 3, "decoder_layers": 2}),
    ("tcn", {"kernel_size": 1}),
    ("pervasive_attention", {"kernel_size": 5}),
    *((name, {"tie_embeddings": True}) for name in sorted(registry.SEQ2SEQ)),
    ("lstm", {"attention": "luong", "tie_embeddings": True, "embedding_dim": 12}),
]


def ids(shape, generator) -> np.ndarray:
    return generator.integers(1, 9, shape).astype("int32")


def masked(batch: int, time: int, generator) -> np.ndarray:
    """Returns a mask of real lengths: the first row is whole, every row has a step."""
    lengths = generator.integers(1, time + 1, batch)
    lengths[0] = time
    return np.arange(time) < lengths[:, None]


@LENGTHS
@pytest.mark.parametrize("name, fields", CASES, ids=str)
def test_classifiers(name, fields, lengths):
    model, spec = model_and_spec(name, "classification", vocab_size=9, num_classes=3, **fields)
    session = sessions(model, spec)["model.onnx"]
    generator = np.random.default_rng(1)
    for batch in BATCHES:
        for time in lengths:
            inputs = {"tokens": ids((batch, time), generator), "mask": masked(batch, time, generator)}
            assert close(run(session, inputs)["logits"], numpy(model(inputs))), (batch, time)


def test_features_and_taggers():
    generator = np.random.default_rng(2)
    model, spec = model_and_spec("gru", "series_classification", features=4, num_classes=3)
    session = sessions(model, spec)["model.onnx"]
    inputs = {"features": generator.normal(size=(3, 20, 4)).astype("float32"), "mask": masked(3, 20, generator)}
    assert close(run(session, inputs)["logits"], numpy(model(inputs)))
    for labels, lookahead in ((0, False), (2, False), (2, True)):
        fields = {"vocab_size": 9, "num_tags": 5, "num_classes": labels, "lookahead": lookahead}
        model, spec = model_and_spec("lstm", "tagging", **fields)
        spec = dataclasses.replace(spec, preprocessor={"lookahead": lookahead})
        session = sessions(model, spec)["model.onnx"]
        first = np.array([[0, 2, 4], [0, 1, 0]], "int32")
        inputs = {"tokens": ids((2, 6), generator), "mask": masked(2, 6, generator), "first": first}
        result, expected = run(session, inputs), model(inputs)
        assert set(result) == set(expected)
        assert all(close(result[key], numpy(value)) for key, value in expected.items())


def test_documents():
    model, spec = model_and_spec("hierarchical_attention_network", "classification", vocab_size=9, num_classes=3)
    session = sessions(model, spec)["model.onnx"]
    generator = np.random.default_rng(3)
    for batch, sentences, words in ((1, 1, 1), (5, 4, 7), (2, 17, 3)):
        tokens = ids((batch, sentences, words), generator)
        mask = masked(batch * sentences, words, generator).reshape(tokens.shape)
        mask[-1, sentences // 2 + 1 :] = False  # sentences that are padding
        result = run(session, {"tokens": tokens, "mask": mask})
        assert close(result["logits"], numpy(model({"tokens": tokens, "mask": mask})))
        _, sentence_weights, word_weights = model.backbone.attend({"tokens": tokens, "mask": mask})
        assert close(result["sentence_weights"], numpy(sentence_weights))
        assert close(result["word_weights"], numpy(word_weights))


CAUSAL = [
    # An eigenvalue of absolute value r multiplies its rounding by up to 1 / (1 - r): 100 with the default of an LRU.
    *((name, {"max_radius": 0.9} if name == "lru" else {}) for name in BACKBONES),
    ("hierarchical_attention", {"gate": 0.3}),
    ("transformer", {"positions": "learned", "context": 300}),
    ("wavenet", {"initial_kernel_size": 3, "kernel_size": 3}),
]


@LENGTHS
@pytest.mark.parametrize("name, fields", CAUSAL, ids=str)
def test_steps_and_whole_sequences_of_next_step_models(name, fields, lengths):
    model, spec = model_and_spec(name, "language_modelling", vocab_size=9, output_dim=8, **fields)
    result = sessions(model, spec)
    generator = np.random.default_rng(4)
    for batch in BATCHES:
        for time in lengths:
            tokens = ids((batch, time), generator)
            expected = numpy(model({"tokens": tokens}))
            assert close(run(result["model.onnx"], {"tokens": tokens})["logits"], expected), (batch, time)
            if time == 300 and batch == 5:
                continue  # as many steps of one row say the same
            state = {
                x.name: np.zeros([batch, *x.shape[1:]], {"tensor(float)": "float32"}.get(x.type, "int64"))
                for x in result["step.onnx"].get_inputs()
                if x.name.startswith("state/")
            }
            for t in range(time):
                outputs = run(result["step.onnx"], {"tokens": tokens[:, t], **state})
                state = {key: outputs[key.replace("state/", "next/")] for key in state}
                assert close(outputs["logits"], expected[:, t]), (batch, t)


def test_a_tied_head():
    fields = {"vocab_size": 9, "output_dim": 9, "tied": True, "positions": "learned", "context": 20}
    model, spec = model_and_spec("transformer", "language_modelling", **fields)
    tokens = ids((2, 12), np.random.default_rng(0))
    assert close(
        run(sessions(model, spec)["model.onnx"], {"tokens": tokens})["logits"], numpy(model({"tokens": tokens}))
    )


@LENGTHS
@pytest.mark.parametrize("name, fields", SEQ2SEQ, ids=str)
def test_sequence_to_sequence(name, fields, lengths):
    sizes = {"source_vocab_size": 9, "target_vocab_size": 9}
    sizes |= {"max_source": 320, "max_target": 320} if name == "tcn" else {}
    model, spec = model_and_spec(name, "sequence_to_sequence", **sizes, **fields)
    result = sessions(model, spec)
    generator = np.random.default_rng(5)
    for batch in BATCHES:
        for time in lengths:
            inputs = {
                "source": ids((batch, time), generator),
                "source_mask": masked(batch, time, generator),
                "target": ids((batch, min(time + 1, 40)), generator),
            }
            logits, weights = (numpy(x) for x in model.align(inputs))
            outputs = run(result["model.onnx"], inputs)
            assert close(outputs["logits"], logits), (batch, time)
            assert close(outputs["alignment"], weights), (batch, time)
            if time > 17:
                continue
            encoded = run(result["encoder.onnx"], {key: inputs[key] for key in ("source", "source_mask")})
            needed = {x.name for x in result["decoder_step.onnx"].get_inputs()}
            assert set(encoded) | {"target"} >= needed
            fed = {key: value for key, value in encoded.items() if key in needed}
            for t in range(inputs["target"].shape[1]):
                outputs = run(result["decoder_step.onnx"], {**fed, "target": inputs["target"][:, t]})
                assert close(outputs["logits"], logits[:, t]), (batch, time, t)
                assert close(outputs["alignment"], weights[:, t]), (batch, time, t)
                fed |= {key: outputs[key.replace("state/", "next/")] for key in fed if key.startswith("state/")}


@pytest.mark.parametrize("name", BACKBONES)
def test_forecasters(name):
    from zoo.preprocessing.patches import encode, right_aligned

    fields = {"max_radius": 0.9} if name == "lru" else {}
    model, spec = model_and_spec(name, "forecasting", **fields)
    session = sessions(model, spec)["model.onnx"]
    generator = np.random.default_rng(6)
    for batch, patches in ((1, 1), (5, 9)):
        values = right_aligned(list(generator.normal(size=(batch, 16 * patches - 3))), patches)
        positions = generator.integers(0, patches, (batch, 2))
        inputs = encode(values, np.full(batch, 7), positions, np.arange(1, 20)).inputs()
        assert close(run(session, inputs)["quantiles"], numpy(model(inputs))), batch


def test_states_are_those_of_the_model():
    model, spec = model_and_spec("lstm", "language_modelling", vocab_size=9, output_dim=8)
    tokens = ids((2,), np.random.default_rng(6))
    session = sessions(model, spec)["step.onnx"]
    state = {x.name: np.zeros([2, *x.shape[1:]], "float32") for x in session.get_inputs()[1:]}
    outputs = run(session, {"tokens": tokens, **state})
    _, after = model.step(ops.convert_to_tensor(tokens), model.initial_state(2))
    result = [value for key, value in outputs.items() if key.startswith("next/")]
    assert all(close(x, numpy(y)) for x, y in zip(result, tree.flatten(after), strict=True))


def test_no_node_of_a_step_copies():
    model, spec = model_and_spec("lstm", "language_modelling", vocab_size=9, output_dim=8)
    graph = build_graphs(spec, tensors_of(model))["step.onnx"]
    for _ in range(2):  # the second model is the same
        nodes = graph.model({}).graph.node
        assert nodes and not any(node.op_type == "Identity" for node in nodes)
