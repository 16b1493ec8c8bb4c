"""Training over all devices of all processes, by ``keras.distribution.DataParallel`` on JAX.

A step is one program of the global batch: the loss, the clipped gradient and the dropout are those of one device, and
the weights stay the same on all of them. The order of the batches, the schedule and the state are the trainer's own.
"""

import hashlib
import signal
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops
from safetensors.numpy import load, save

from zoo.backends import cluster
from zoo.backends.keras_internals import raw_value, set_raw_value
from zoo.training.interruption import Interrupted
from zoo.training.trainer import Trainer
from zoo.version import __version__


def is_distributed() -> bool:
    """Returns whether there are several processes, or several devices that JAX sees."""
    if keras.backend.backend() != "jax":
        return False
    return cluster.count() > 1 or len(keras.distribution.list_devices()) > 1


def make_trainer(*arguments: Any, **options: Any) -> Trainer:
    """Returns a trainer for the devices that there are; the arguments are those of ``Trainer``."""
    return (DistributedTrainer if is_distributed() else Trainer)(*arguments, **options)


class _DataParallel(keras.distribution.DataParallel):
    """Splits arrays with a row for each example; others, the candidates of a sampled softmax, are whole everywhere.

    Attributes:
        rows: Rows of a batch in this process.
    """

    rows = 0

    def get_data_layout(self, data_shape):
        if data_shape[0] == self.rows:
            return super().get_data_layout(data_shape)
        return keras.distribution.TensorLayout([None] * len(data_shape), self.device_mesh)


class DistributedTrainer(Trainer):
    """A trainer whose batches are split over devices and processes; validation and files stay outside of the program.

    Only the first process keeps a state. A run goes on with any number of processes: what is in the state does not
    depend on it.
    """

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self.distribution = _DataParallel(devices=keras.distribution.list_devices(), auto_shard_dataset=False)
        if cluster.index():
            self.folder = None
        if cluster.count() > 1:
            # JAX catches SIGTERM in any process and lets all of them stop after the same step.
            self.signals = ()

    def fit(self, inputs, targets, weights) -> float:
        with self.distribution.scope():
            _place(self._all_variables(), self.distribution.device_mesh.backend_mesh)
            batch = self._share((inputs, targets, weights))
            return float(np.ravel(self.model.train_on_batch(batch[0], batch[1], sample_weight=batch[2]))[0])

    def compiled_step(self, inputs, targets, weights) -> Any:
        """Returns JAX's compiled program of a step, to see what it exchanges; nothing is trained."""
        import jax

        mesh = self.distribution.device_mesh.backend_mesh
        with self.distribution.scope():
            _place(self._all_variables(), mesh)
            model = self.model
            of_model = (model.trainable_variables, model.non_trainable_variables, self.optimizer.variables)
            state = tuple([raw_value(v) for v in variables] for variables in (*of_model, model.metrics_variables))

            def place(array: np.ndarray) -> jax.Array:
                layout = self.distribution.get_data_layout(array.shape).backend_layout
                return jax.make_array_from_process_local_data(layout, array)

            batch = keras.tree.map_structure(place, self._share((inputs, targets, weights)))
            return jax.jit(model.train_step).lower(state, batch).compile()

    def _share(self, batch: tuple) -> tuple:
        """Returns this process's rows of a batch, which is filled up with rows of weight 0 for all devices."""
        devices, size = len(self.distribution.device_mesh.devices.flat), self.training_config.batch_size
        per_device = -(-size // devices)
        missing = devices * per_device - size
        rows = per_device * devices // cluster.count()
        self.distribution.rows = rows
        start = cluster.index() * rows

        def share(array: np.ndarray) -> np.ndarray:
            if len(array) != size:
                return array
            return np.concatenate([array, array[-1:].repeat(missing, axis=0)])[start : start + rows]

        inputs, targets, weights = keras.tree.map_structure(share, batch)
        filled = max(0, start + rows - size)
        if filled:
            weights = np.concatenate([weights[:-filled], np.zeros_like(weights[-filled:])])
        return inputs, targets, weights

    def _all_variables(self) -> Iterator[keras.Variable]:
        yield from self.model.variables
        yield from self.model.metrics_variables
        if self.optimizer is not None:
            yield from self.optimizer.variables

    def run(self) -> None:
        self._check_same()
        try:
            super().run()
        finally:
            _localize(self._all_variables())
            if cluster.count() > 1:
                signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, number, frame) -> None:
        raise Interrupted(f"stopped after training. To go on: {self.resume_command}", number)

    def _check_same(self) -> None:
        import jax

        digest = hashlib.sha256()
        for variable in self._all_variables():
            digest.update(np.ascontiguousarray(ops.convert_to_numpy(variable)).tobytes())
        facts = {
            "version": f"seqzoo {__version__}, keras {keras.__version__}, jax {jax.__version__}",
            "training config": str(self.training_config),
            "training data": self.data,
            **self.facts,
            "weights": digest.hexdigest(),
            "devices of a process": str(jax.local_device_count()),
        }
        cluster.check_same(facts)

    def interrupted(self, caught: list[int]) -> int | None:
        if cluster.count() == 1:
            return super().interrupted(caught)
        from jax.experimental import multihost_utils

        return signal.SIGTERM if multihost_utils.reached_preemption_sync_point(self.step) else None

    def _out_of_time(self) -> bool:
        # One clock for all; asked for only where there is a limit.
        if self.training_config.minutes is not None:
            self.seconds = cluster.of_first(lambda: self.seconds)
        return super()._out_of_time()

    def run_validation(self) -> dict[str, float]:
        _localize(self._all_variables())
        return super().run_validation()

    def read(self) -> tuple[dict[str, np.ndarray], dict] | None:
        tensors, metadata = super().read() or ({}, None)
        metadata = cluster.of_first(lambda: metadata)
        data = cluster.bytes_of_first(save(tensors))
        return None if metadata is None else (load(data), metadata)


def _place(variables: Iterator[keras.Variable], mesh: Any) -> None:
    """Copy the variables that are on one device to all devices of all processes."""
    import jax

    everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    for variable in variables:
        value = raw_value(variable)
        if value.sharding.device_set != everywhere.device_set:
            set_raw_value(variable, jax.make_array_from_process_local_data(everywhere, np.asarray(value)))


def _localize(variables: Iterator[keras.Variable]) -> None:
    """Let the variables have their values on this process's first device: programs that read them are its own."""
    for variable in variables:
        value = raw_value(variable)
        if len(value.sharding.device_set) > 1:
            set_raw_value(variable, value.addressable_data(0))
