"""What Keras and Python do with a model works on loaded and built ones, under every dtype policy, in threads."""

import copy
import pickle
import threading

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo.errors import InputError
from zoo.inference.decoding import Decoder

SERIES, WORDS, TAGS, MUSIC = (
    "gru_small.italy_power_demand",
    "lstm_tiny.cmudict",
    "gru_small.snips",
    "tcn_small.jsb_chorales",
)
POLICIES = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64")
FAMILIES = (
    "rnn",
    "lstm",
    "gru",
    "tcn",
    "wavenet",
    "transformer",
    "hierarchical_attention",
    "min_gru",
    "min_lstm",
    "lru",
    "rg_lru",
)


@pytest.fixture(params=[SERIES, WORDS, TAGS])
def pipeline(request):
    return zoo.load(request.param)


@pytest.fixture
def policy():
    """Set dtype policies, and restore them."""
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


def examples(model) -> dict[str, np.ndarray]:
    """Returns inputs of a model, every position real."""
    random = np.random.default_rng(0)
    made = {}
    for name, spec in model.input_specs().items():
        shape = (2, 5) + spec.shape[2:]
        if spec.dtype == "float32":
            made[name] = random.normal(size=shape).astype("float32")
        else:
            made[name] = (
                np.ones(shape, "bool") if spec.dtype == "bool" else random.integers(3, 9, shape).astype("int32")
            )
    if "first" in made:
        made["first"] = np.array([[0, 2], [1, 3]], "int32")
    return made


def outputs(model, inputs) -> list[np.ndarray]:
    return [ops.convert_to_numpy(value) for value in keras.tree.flatten(model(inputs))]


def equal(model, other, inputs) -> None:
    for ours, others in zip(outputs(model, inputs), outputs(other, inputs), strict=True):
        np.testing.assert_allclose(others, ours, atol=1e-6)


def test_pipelines_and_models_are_pickled_and_copied_after_they_were_used(pipeline):
    golden = pipeline.document["golden"]
    expected = pipeline.predict(golden["inputs"][:2])
    for other in (pickle.loads(pickle.dumps(pipeline)), copy.deepcopy(pipeline)):
        assert other.predict(golden["inputs"][:2]) == expected
        assert other.document == pipeline.document and other.described == pipeline.described
    inputs = examples(pipeline.model)
    for model in (pickle.loads(pickle.dumps(pipeline.model)), copy.deepcopy(pipeline.model)):
        equal(pipeline.model, model, inputs)
    clone = keras.models.clone_model(pipeline.model)
    clone.set_weights(pipeline.model.get_weights())
    equal(pipeline.model, clone, inputs)


def test_a_summary_is_printed_and_a_call_needs_no_mask(pipeline):
    lines = []
    pipeline.model.summary(print_fn=lambda text, **options: lines.append(text))
    assert f"{pipeline.model.count_params():,}" in "\n".join(lines)
    inputs = examples(pipeline.model)
    bare = {name: value for name, value in inputs.items() if "mask" not in name}
    for ours, others in zip(outputs(pipeline.model, inputs), outputs(pipeline.model, bare), strict=True):
        np.testing.assert_allclose(others, ours, atol=1e-6)


def test_checkpoints_of_training_are_read_again(tmp_path):
    model = zoo.load(WORDS).model
    inputs = examples(model)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    callback = keras.callbacks.ModelCheckpoint(tmp_path / "model.keras", monitor="loss")
    model.fit(inputs, inputs["target"], verbose=0, callbacks=[callback])
    equal(model, keras.saving.load_model(tmp_path / "model.keras"), inputs)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras writes SavedModels of TensorFlow and JAX only")
@pytest.mark.parametrize(("name", "task"), [("gru_tiny", "series_classification"), ("tcn_tiny", None)])
def test_a_model_is_exported_after_a_call(name, task, tmp_path):
    model = zoo.create_model(name, task=task, features=2, **({"num_classes": 3} if task else {}))
    inputs = examples(model)
    expected = outputs(model, inputs)[0]
    model.export(tmp_path / "exported", verbose=False)
    import tensorflow as tf

    exported = tf.saved_model.load(str(tmp_path / "exported"))
    np.testing.assert_allclose(exported.serve(inputs).numpy(), expected, atol=1e-5)


def test_paths_of_weights_do_not_depend_on_a_name_scope():
    plain = zoo.load(SERIES)
    with keras.name_scope("outer"):
        scoped = zoo.load(SERIES)
        built = zoo.create_model("gru_tiny", task="tagging", vocab_size=9, num_tags=2)
    assert [v.path for v in scoped.model.weights] == [v.path for v in plain.model.weights]
    assert all("outer" not in v.path for v in built.weights)


@pytest.mark.parametrize("name", POLICIES)
def test_a_pipeline_computes_in_float32_whatever_the_policy(name, policy):
    policy(name)
    for checkpoint in (SERIES, WORDS):
        loaded = zoo.load(checkpoint)
        golden = loaded.document["golden"]
        assert loaded.predict(golden["inputs"], **loaded.task.validation) == golden["outputs"]
        assert {v.dtype for v in loaded.model.weights} == {"float32"}
    assert loaded.predict(golden["inputs"][:2], beam_size=3)
    assert keras.config.dtype_policy().name == name


def test_streams_and_generation_work_under_mixed_precision(policy):
    expected = zoo.load(MUSIC).generate([[60, 64]], 5)
    policy("mixed_float16")
    loaded = zoo.load(MUSIC)
    assert loaded.generate([[60, 64]], 5) == expected
    frames = np.zeros((2, 4, 88), "float32")
    stream = loaded.model.stream(2)
    first, rest = stream.step(frames[:, 0]), stream.prefill(frames[:, 1:])
    whole = outputs(loaded.model, {"features": frames})[0]
    np.testing.assert_allclose(np.concatenate([first[:, None], rest], axis=1), whole, atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_built_model_trains_and_streams_in_mixed_bfloat16(family, policy):
    policy("mixed_bfloat16")
    keras.utils.set_random_seed(0)
    model = zoo.create_model(f"{family}_tiny", task="language_modelling", vocab_size=20, output_dim=19)
    random = np.random.default_rng(0)
    tokens, mask = random.integers(1, 20, (4, 6)), np.ones((4, 6), bool)
    mask[0, 3:] = False
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    losses = [float(np.ravel(model.train_on_batch({"tokens": tokens, "mask": mask}, tokens - 1))[0]) for _ in range(20)]
    assert losses[-1] < losses[0]
    stream = model.stream(4)
    steps = np.concatenate([stream.step(tokens[:, 0])[:, None], stream.prefill(tokens[:, 1:])], axis=1)
    np.testing.assert_allclose(steps, outputs(model, {"tokens": tokens})[0], atol=0.2)  # 8 bits


@pytest.mark.parametrize("family", ["lstm", "transformer", "tcn", "pervasive_attention"])
def test_a_built_sequence_to_sequence_model_decodes_in_mixed_bfloat16(family, policy):
    policy("mixed_bfloat16")
    model = zoo.create_model(f"{family}_tiny", task="sequence_to_sequence", source_vocab_size=9, target_vocab_size=9)
    for width in (1, 3):
        hypotheses = Decoder(model, 6)([[4, 5, 2], [6, 2]], width)
        assert [len(result) for result in hypotheses] == [width, width]
        assert all(np.isfinite(score) for result in hypotheses for _, score in result)


def test_an_id_out_of_range_is_an_error_in_fit_and_predict_on_every_backend():
    model = zoo.create_model("gru_tiny", task="classification", vocab_size=10, num_classes=2)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for wrong in (10, -1):
        inputs = {"tokens": np.array([[1, wrong]])}
        for run in (model.predict, model.predict_on_batch, lambda x: model.fit(x, np.array([0]), verbose=0)):
            with pytest.raises(InputError, match=f"tokens: id {wrong} is out of range: give 0 to 9"):
                run(inputs)
    seq2seq = zoo.create_model("gru_tiny", task="sequence_to_sequence", source_vocab_size=5, target_vocab_size=6)
    with pytest.raises(InputError, match="target: id 6 is out of range: give 0 to 5"):
        seq2seq.predict({"source": np.array([[1]]), "target": np.array([[6]])})


def load_and_predict(errors: list, start: threading.Barrier) -> None:
    try:
        start.wait()
        loaded = zoo.load(SERIES)
        golden = loaded.document["golden"]
        inputs = golden["inputs"][:1]
        for _ in range(25):
            assert loaded.predict(inputs) == golden["outputs"][:1]
    except BaseException as error:
        errors.append(error)


@pytest.mark.slow
def test_sixteen_threads_load_and_predict():
    errors: list[BaseException] = []
    start = threading.Barrier(16)
    threads = [threading.Thread(target=load_and_predict, args=(errors, start)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    keras.layers.Dense(3)(np.zeros((1, 2)))  # the process is as it was
    assert zoo.load(SERIES).tensors().keys() == zoo.load(SERIES).tensors().keys()
