"""Exported graphs beside Keras: parity and time of every architecture. Prints the table of docs/guide/export.md.

Usage: python benchmarks/export.py [--size small] [--backends torch,jax,tensorflow]
       python benchmarks/export.py --operator

Weights are random. Parity is the largest difference as a share of the outputs' scale. Times are microseconds of
processor time on one thread, the median of many runs: of a whole sequence of 128 steps (of sequence to sequence: a
source and a target of 17 symbols), and of a lone step of one row.

``--operator`` measures a step of lstm_small.tiny_shakespeare by the program of its export, in float32 and in int8,
beside ONNX Runtime's own LSTM operators of the same size in float32 alone, in turns: elapsed time, because the program
uses two threads if there are two cores.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import time

import numpy as np

STEPS, SYMBOLS = 128, 17
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
TASKS = {"step": "language_modelling", "pair": "sequence_to_sequence"}


def timed(function, seconds: float = 0.5, clock=time.process_time) -> float:
    """Returns the median time of a call in microseconds, after two calls that are not counted."""
    for _ in range(2):
        function()
    result, end = [], time.perf_counter() + seconds
    while len(result) < 5 or time.perf_counter() < end:
        started = clock()
        function()
        result.append(clock() - started)
    return 1e6 * float(np.median(result))


def models(size: str):
    """Yield kind, architecture and model, with the same weights on every backend."""
    import zoo
    from zoo.models import registry

    for kind, names in (("step", registry.ARCHITECTURES), ("pair", registry.SEQ2SEQ)):
        for name in names:
            sizes = {"vocab_size": 66, "output_dim": 65} if kind == "step" else {}
            sizes = sizes or {"source_vocab_size": 32, "target_vocab_size": 72}
            model = zoo.create_model(f"{name}_{size}", task=TASKS[kind], **sizes)
            generator = np.random.default_rng(0)
            for variable in model.weights:
                value = generator.normal(0, 0.05, tuple(variable.shape)).astype("float32")
                variable.assign(
                    np.abs(value) + 0.5 if "variance" in variable.path or "gamma" in variable.path else value
                )
            yield kind, name, model


def inputs_of(kind: str) -> dict[str, np.ndarray]:
    """Returns the inputs of a whole sequence."""
    generator = np.random.default_rng(1)
    if kind == "step":
        return {"tokens": generator.integers(1, 60, (1, STEPS)).astype("int32")}
    source, target = (generator.integers(3, 30, (1, SYMBOLS)).astype("int32") for _ in range(2))
    return {"source": source, "source_mask": source > 0, "target": target}


def keras_times(size: str) -> None:
    """Print a JSON line per architecture: times of the backend of this process."""
    from keras import ops

    from zoo.backends.compile import compiled

    def whole(model, kind):
        """Returns the compiled model, as a function of its arrays."""
        if kind == "step":
            return compiled(model, lambda tokens: model({"tokens": tokens}, training=False))
        return compiled(model, lambda source, target: model.align({"source": source, "target": target})[0])

    def call(run, arrays):
        return lambda: ops.convert_to_numpy(run(*arrays))

    def step(stream):
        return lambda: stream.step([5])

    for kind, name, model in models(size):
        inputs = inputs_of(kind)
        run = whole(model, kind)
        arrays = [inputs[x] for x in (("tokens",) if kind == "step" else ("source", "target"))]
        row = {"whole": timed(call(run, arrays))}
        if kind == "step":
            row["step"] = timed(step(model.stream(1)))
        print(json.dumps({"kind": kind, "name": name, **row}), flush=True)


def operators(units: int, layers: int) -> bytes:
    """Returns a graph of LSTM operators for one step, with random weights."""
    from onnx import TensorProto, helper, numpy_helper

    generator, shape = np.random.default_rng(0), [1, 1, units]
    inputs, outputs, weights, nodes = ["x"], [], [], []
    for i in range(layers):
        sizes = {"W": (1, 4 * units, units), "R": (1, 4 * units, units), "B": (1, 8 * units)}
        for name, size in sizes.items():
            weights.append(numpy_helper.from_array(generator.normal(0, 0.05, size).astype("float32"), f"{name}{i}"))
        inputs += [f"h{i}", f"c{i}"]
        outputs += [f"next_h{i}", f"next_c{i}"]
        read = [f"next_h{i - 1}" if i else "x", f"W{i}", f"R{i}", f"B{i}", "", f"h{i}", f"c{i}"]
        nodes.append(helper.make_node("LSTM", read, ["", *outputs[-2:]], hidden_size=units))
    values = [
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, shape) for x in names] for names in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "operators", *values, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9).SerializeToString()


def operator() -> None:
    """Print the time of a step of an export beside that of the operators alone."""
    import importlib.util
    import tempfile

    import onnxruntime

    from zoo.export.folder import export

    streams = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("float32", "int8"):
            export("lstm_small.tiny_shakespeare", f"{folder}/{kind}", int8=kind == "int8")
            module = importlib.util.spec_from_file_location("runner", f"{folder}/{kind}/runner.py")
            runner = importlib.util.module_from_spec(module)
            module.loader.exec_module(runner)
            streams[kind] = runner.Stream(f"{folder}/{kind}/step.onnx")
    config = streams["float32"].zoo["config"]
    options = streams["float32"].session.get_session_options()
    session = onnxruntime.InferenceSession(operators(config["hidden_dim"], config["num_layers"]), options)
    inputs = {x.name: np.zeros(x.shape, "float32") for x in session.get_inputs()}
    times = {
        "float32": lambda: streams["float32"].step(5),
        "int8": lambda: streams["int8"].step(5),
        "operators": lambda: session.run(None, inputs),
    }
    rounds = [{name: timed(run, 0.25, time.perf_counter) for name, run in times.items()} for _ in range(10)]
    medians = {name: float(np.median([row[name] for row in rounds])) for name in times}
    print("| step, us | int8, us | LSTM operators alone, us | ratio | ratio, int8 |\n|---:|---:|---:|---:|---:|")
    ratios = [medians[kind] / medians["operators"] for kind in ("float32", "int8")]
    cells = [f"{medians[name]:,.0f}" for name in times] + [f"{ratio:.2f}" for ratio in ratios]
    print(f"| {' | '.join(cells)} |")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="small")
    parser.add_argument("--backends", default="torch,jax,tensorflow")
    parser.add_argument("--keras", action="store_true")
    parser.add_argument("--operator", action="store_true")
    options = parser.parse_args()
    if options.operator:
        return operator()
    if options.keras:
        return keras_times(options.size)
    beside: dict[tuple[str, str], dict[str, dict]] = {}
    backends = [name for name in options.backends.split(",") if name]
    for backend in backends:
        command = [sys.executable, __file__, "--keras", "--size", options.size]
        environment = {**os.environ, "KERAS_BACKEND": backend, **ONE_THREAD}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        for row in map(json.loads, done.stdout.splitlines()):
            beside.setdefault((row["kind"], row["name"]), {})[backend] = row
    os.environ.setdefault("KERAS_BACKEND", "torch")
    from keras import ops

    from zoo.checkpoints.spec import ModelSpec
    from zoo.export.graphs import build_graphs
    from zoo.export.predictor import open_session
    from zoo.export.quantize import quantize

    keras = "".join(f" {backend} us |" for backend in backends)
    print(f"| architecture | whole: parity | us | int8: difference | us |{keras} step: parity | us |{keras}")
    print("|---|" + "---:|" * (6 + 2 * len(backends)))
    for kind, name, model in models(options.size):
        built = getattr(model, "backbone", model)
        spec = ModelSpec(name, options.size, dataclasses.asdict(built.config), TASKS[kind], {})
        tensors = {variable.path: np.array(ops.convert_to_numpy(variable.value)) for variable in model.weights}
        graphs = {file: graph.model({}) for file, graph in build_graphs(spec, tensors).items()}
        inputs = inputs_of(kind)
        expected = ops.convert_to_numpy(model(inputs))
        scale = max(1.0, float(np.abs(expected).max()))
        cells = []
        for graph in (graphs["model.onnx"], quantize(graphs["model.onnx"])):
            session = open_session(graph.SerializeToString(), 1)
            (result,) = session.run(["logits"], inputs)
            cells += [f"{np.abs(result - expected).max() / scale:.0e}"]
            cells += [f"{timed(lambda session=session, inputs=inputs: session.run(['logits'], inputs)):,.0f}"]
        rows = beside.get((kind, name), {})
        cells += [f"{rows[backend]['whole']:,.0f}" for backend in backends]
        if kind == "step":
            cells += _step(open_session(graphs["step.onnx"].SerializeToString(), 1), inputs["tokens"], expected, scale)
            cells += [f"{rows[backend]['step']:,.0f}" for backend in backends]
        empty = [""] * (kind == "pair") * (2 + len(backends))
        print(f"| {name}{' (pairs)' if kind == 'pair' else ''} | {' | '.join([*cells, *empty])} |", flush=True)


def _step(session, tokens: np.ndarray, expected: np.ndarray, scale: float) -> list[str]:
    """Returns parity and time of steps."""
    types = {"tensor(float)": "float32", "tensor(int64)": "int64"}
    state = {x.name: np.zeros([1, *x.shape[1:]], types[x.type]) for x in session.get_inputs()[1:]}
    names = ["logits", *(name.replace("state/", "next/") for name in state)]
    error = 0.0
    for t in range(STEPS):
        logits, *after = session.run(names, {"tokens": tokens[:, t], **state})
        state = dict(zip(state, after, strict=True))
        error = max(error, float(np.abs(logits - expected[:, t]).max()) / scale)
    one = tokens[:, 0]
    return [f"{error:.0e}", f"{timed(lambda: session.run(names, {'tokens': one, **state})):,.0f}"]


if __name__ == "__main__":
    main()
