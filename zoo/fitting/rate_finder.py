"""Learning-rate finder: Smith 2017 (arXiv 1506.01186), as in fastai."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from zoo.data.columns import Columns
from zoo.errors import InputError, NotFiniteError
from zoo.fitting import transfer
from zoo.fitting.setup import make_trainer
from zoo.fitting.start import prepare
from zoo.training import optimizers, schedules
from zoo.training.config import TrainingConfig

LOWEST, HIGHEST = 1e-6, 10.0
SMOOTHING = 0.9  # decay of the moving average of the loss
DIVERGED = 3.0  # the search stops at this multiple of the best loss


@dataclasses.dataclass(frozen=True)
class RateSearch:
    """Result of a learning-rate search.

    Attributes:
        rates: The tried rates, ascending, one per step.
        losses: Moving average of the loss at each rate.
        suggestion: A tenth of the rate with the lowest loss.
    """

    rates: list[float]
    losses: list[float]
    suggestion: float


def find_rate(
    model: Any,
    data: Any,
    *,
    input: str = "",
    target: str = "",
    header: bool = True,
    series: str = "",
    time: str = "",
    group: str = "",
    task: str | None = None,
    training_config: TrainingConfig | Mapping[str, Any] | None = None,
    pretrained: bool = True,
    steps: int = 100,
    skip_bad_rows: bool = False,
    allow_unknown: bool = False,
    **more: Any,
) -> RateSearch:
    """Train for some steps at an increasing rate, and record the loss.

    The layers keep the relative rates of the training config, and none is frozen. A classifier of texts starts from a
    linear head, as in ``fine_tune``. The trained weights are discarded.

    Args:
        model: See ``fine_tune``, also for all other arguments except ``steps``.
        data: The examples. The training part is used.
        input: Input column.
        target: Target column.
        header: Whether the first row of a table names its columns.
        series: Column with the series name.
        time: Column with the time.
        group: Group column.
        task: Overrides the inferred task.
        training_config: Training config. Default: that of ``fine_tune``.
        pretrained: Whether to start from the model's weights.
        steps: Number of rates between 1e-6 and 10.
        skip_bad_rows: See ``fine_tune``.
        allow_unknown: See ``fine_tune``.
        **more: Other fields of ``zoo.data.columns.Columns``.

    Raises:
        InputError: The data are unusable, or there are fewer than 10 steps.
        NotFiniteError: The first loss is not finite.

    Example:
        >>> import numpy as np, zoo
        >>> x, y = np.random.default_rng(0).normal(size=(40, 10, 2)), ["up", "down"] * 20
        >>> found = zoo.find_rate("gru_tiny", (x, y), steps=20)
        >>> found.suggestion > 0
        True
    """
    if steps < 10:
        raise InputError(f"{steps} steps: give at least 10")
    columns = Columns(input, target, header, series, time, group, **more)
    start = prepare(
        model,
        data,
        columns,
        task=task,
        training_config=training_config,
        pretrained=pretrained,
        skip_bad_rows=skip_bad_rows,
        allow_unknown=allow_unknown,
    )
    training_config = dataclasses.replace(start.training_config, gradual_unfreezing=False)
    if start.reads_pretrained_text:
        source = start.language_model or start.pipeline
        transfer.start_from(source, start.pipeline, start.parts[0], training_config.seed)
    trainer = make_trainer(start.pipeline, start.parts[0], start.parts[1], training_config, new=start.new)
    trained = trainer.model.trainable_variables
    factors = [trainer.groups.factor(variable, training_config.layer_lr_decay) for variable in trained]
    rising = schedules.Rising(LOWEST, HIGHEST, steps)
    optimizer = optimizers.make_optimizer(training_config, rising, factors, trainer.matrices(trained))
    trainer.model.compile(optimizer=optimizer, loss=trainer.loss, auto_scale_loss=False)
    rates, losses, mean = [], [], 0.0
    for epoch in itertools.count():
        for inputs, targets, weights in trainer.train.epoch(epoch):
            rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
            loss = trainer.fit(inputs, targets, weights)
            if np.isfinite(loss):
                mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
                rates.append(rate)
                losses.append(mean / (1 - SMOOTHING ** len(rates)))
            if not np.isfinite(loss) or losses[-1] > DIVERGED * min(losses) or len(rates) == steps:
                if not rates:
                    raise NotFiniteError("the first loss is not finite: check the data")
                return RateSearch(rates, losses, rates[int(np.argmin(losses))] / 10)
    raise AssertionError("an epoch without batches")
