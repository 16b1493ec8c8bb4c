"""The loss and the optimizer's step on torch against their formulas in NumPy."""

import keras
import numpy as np
import pytest
import torch
from keras import ops

from zoo.backends.keras_internals import weight_averages
from zoo.training import schedules
from zoo.training.config import TrainingConfig
from zoo.training.losses import SmoothedCrossentropy
from zoo.training.optimizers import make_optimizer
from zoo.training.torch_step import Crossentropy

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_crossentropy_and_its_gradient_equal_the_formula(smoothing):
    logits, targets = RANDOM.normal(size=(3, 5, 11)), RANDOM.integers(0, 11, (3, 5))
    weights = RANDOM.normal(size=(3, 5))
    variable = torch.tensor(logits, requires_grad=True)
    loss = Crossentropy.apply(variable, torch.tensor(targets), smoothing)
    (loss * torch.tensor(weights)).sum().backward()
    likely = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    smoothed = (1 - smoothing) * np.eye(11)[targets] + smoothing / 11
    np.testing.assert_allclose(loss.detach().numpy(), -(smoothed * likely).sum(-1), rtol=1e-12)
    gradient = weights[..., None] * (np.exp(likely) - smoothed)
    np.testing.assert_allclose(variable.grad.numpy(), gradient, rtol=1e-9, atol=1e-12)


def test_crossentropy_passes_autograds_own_check():
    logits = torch.tensor(RANDOM.normal(size=(2, 4)), requires_grad=True)
    targets = torch.tensor([1, 3])
    assert torch.autograd.gradcheck(lambda x: Crossentropy.apply(x, targets, 0.2), logits)


def test_three_steps_of_adamw_equal_the_formula():
    # Two layers with other rates; biases do not decay.
    config = TrainingConfig(learning_rate=0.01, warmup=0.0, weight_decay=0.1, clip_norm=1e9, ema_decay=0.9)
    factors = [1.0, 0.5, 1.0]
    values = [RANDOM.normal(size=shape).astype("float32") for shape in ((4, 3), (3, 5), (5,))]
    names = ("kernel", "kernel", "bias")
    variables = [keras.Variable(value, name=name) for value, name in zip(values, names, strict=True)]
    rate = schedules.schedule(config, 100)
    optimizer = make_optimizer(config, rate, factors)
    optimizer.build(variables)
    values = [value.astype("float64") for value in values]
    firsts, seconds = ([np.zeros_like(value) for value in values] for _ in range(2))
    for step in range(3):
        now = float(ops.convert_to_numpy(rate(step)))
        gradients = [RANDOM.normal(size=value.shape) for value in values]
        optimizer.apply([ops.convert_to_tensor(g.astype("float32")) for g in gradients])
        for i, gradient in enumerate(gradients):
            if names[i] == "kernel":
                values[i] = values[i] * (1 - 0.1 * now * factors[i])
            firsts[i] = 0.9 * firsts[i] + 0.1 * gradient
            seconds[i] = 0.98 * seconds[i] + 0.02 * gradient**2
            bias = np.sqrt(1 - 0.98 ** (step + 1)) / (1 - 0.9 ** (step + 1))
            values[i] = values[i] - now * factors[i] * bias * firsts[i] / (np.sqrt(seconds[i]) + 1e-7)
    for variable, value in zip(variables, values, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(variable), value, rtol=1e-4, atol=1e-6)


def test_weight_averages_follow_the_weights():
    config = TrainingConfig(learning_rate=0.1, warmup=0.0, weight_decay=0.0, ema_decay=0.75)
    variable = keras.Variable(np.ones(3, "float32"), name="kernel")
    optimizer = make_optimizer(config, schedules.schedule(config, 100), [1.0])
    optimizer.build([variable])
    average = None
    for _ in range(4):
        optimizer.apply([ops.convert_to_tensor(RANDOM.normal(size=3).astype("float32"))])
        weights = ops.convert_to_numpy(variable).copy()
        average = weights if average is None else 0.75 * average + 0.25 * weights
    np.testing.assert_allclose(ops.convert_to_numpy(weight_averages(optimizer)[0]), average, rtol=1e-5)


def test_layers_without_decayed_weights_are_trained():
    # A group that has only biases, as frozen layers or a rate of their own leave.
    config = TrainingConfig(learning_rate=0.1, warmup=0.0, weight_decay=0.1)
    variables = [
        keras.Variable(np.ones(3, "float32"), name="bias"),
        keras.Variable(np.ones((3, 2), "float32"), name="kernel"),
    ]
    optimizer = make_optimizer(config, schedules.schedule(config, 100), [0.5, 1.0])
    optimizer.build(variables)
    optimizer.apply([ops.ones(3), ops.ones((3, 2))])
    rate = float(ops.convert_to_numpy(schedules.schedule(config, 100)(0)))
    np.testing.assert_allclose(ops.convert_to_numpy(variables[0]), 1 - 0.5 * rate, rtol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(variables[1]), 1 - 0.1 * rate - rate, rtol=1e-5)


def test_the_loss_of_padding_has_no_gradient():
    loss = SmoothedCrossentropy(0.1)
    logits = torch.tensor(RANDOM.normal(size=(1, 3, 4)).astype("float32"), requires_grad=True)
    loss(np.array([[1, 2, 0]]), logits, sample_weight=np.array([[1.0, 1.0, 0.0]])).backward()
    assert not logits.grad[0, 2].any() and logits.grad[0, :2].all()
