"""What the processes of the tests of distributed training run: see ``wait_for_run`` and ``main``."""

import json
import os
import signal
import sys
import time
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import numpy as np

from zoo.backends import cluster
from zoo.errors import ZooError

MAX_SECONDS = 300  # of a process
WORDS = "river town people walk along water evening lovely dull great awful charming boring".split()  # noqa: SIM905


def examples(count: int = 90):
    """Returns texts of about one length, so that there is one shape to compile."""
    from zoo.data.examples import Examples

    generator = np.random.default_rng(0)
    texts = [" ".join(generator.choice(WORDS, 5)) for _ in range(count)]
    labels = ["good" if "lovely" in text or "great" in text else "bad" for text in texts]
    return Examples(texts, labels, [f"made:{i + 1}" for i in range(count)])


def train(folder: Path, resume: bool, at_step: dict[int, str], seed: int = 0) -> None:
    """Train with dropout and dropped words, and write the weights of process 0.

    Args:
        folder: Where the state and the weights go.
        resume: Whether to go on from the state.
        at_step: What to do after a step: ``"stop"`` or ``"kill"`` this process.
        seed: Where the training data start.
    """
    import zoo.training.batching
    from zoo.fitting.setup import fresh, make_trainer
    from zoo.tasks import find_task
    from zoo.training.config import TrainingConfig

    zoo.training.batching.EDGES = (16,)
    data = examples()
    train, validation = data.select(range(seed, 66 + seed)), data.select(range(70, 90))
    # 22 rows a batch: neither 4 nor 8 devices get as many each.
    config = TrainingConfig(epochs=3, batch_size=22, augment=True, ema_decay=0.9, learning_rate=1e-2)
    pipeline = fresh(
        find_task("classification"), "gru", "tiny", train, config.seed, dropout=0.2, num_layers=1, bidirectional=False
    )
    trainer = make_trainer(pipeline, train, validation, config, folder, "resume")

    signalled = False

    def on_step(step, total, loss):
        nonlocal signalled
        if signalled:
            time.sleep(1)  # JAX looks for the signal once a second, and these steps take milliseconds
        action = at_step.get(step)
        if action == "stop":
            os.kill(os.getpid(), signal.SIGTERM)
            signalled = True
        elif action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)

    trainer.on_step = on_step
    if resume:
        assert trainer.load() or cluster.index()
    trainer.run()
    if cluster.index() == 0:
        curve = [{name: value for name, value in row.items() if name != "seconds"} for row in trainer.curve]
        np.savez(folder / "weights.npz", curve=json.dumps(curve), **pipeline.tensors())
    outputs = cluster.gather(pipeline.predict_raw(list(validation.inputs)))
    assert all(output == outputs[0] for output in outputs)


def main(options: dict) -> None:
    """Run ``train`` as one of some processes, or alone.

    Args:
        options: ``address`` and number of ``processes``, if there are several; those of ``train`` for each process.
    """
    index = options["process"]
    arguments = {"resume": False, "at_step": {}, **options["train"].get(str(index), options["train"].get("all", {}))}
    arguments["at_step"] = {int(step): action for step, action in arguments["at_step"].items()}
    try:
        if options["processes"] == 1:
            train(Path(options["folder"]), **arguments)
            return

        def print_lines(code, lines):
            print(*lines, file=sys.stderr)

        with cluster.together(cluster.Cluster(options["address"], options["processes"], index), print_lines):
            train(Path(options["folder"]), **arguments)
    except ZooError as error:
        print(*error.lines(), file=sys.stderr)
        sys.exit(error.exit_code)


def wait_for_run() -> dict:
    """Returns the options of ``main``, in a new process for each process of a run.

    A line of standard input has the options of all processes of a run; the exit codes are printed as a line. The
    processes are forks, so that Keras is imported once: that takes longer than the training.
    """
    import keras  # noqa: F401

    for line in sys.stdin:
        children = []
        for options in json.loads(line):
            child = os.fork()
            if child == 0:
                signal.alarm(MAX_SECONDS)
                log = os.open(options["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(log, 1)
                os.dup2(log, 2)
                return options
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(json.dumps(codes), flush=True)
    sys.exit()


if __name__ == "__main__":
    main(wait_for_run())
