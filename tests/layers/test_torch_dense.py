"""The scaled ReLU before a dense layer, against automatic differentiation."""

import torch

from zoo.layers.torch_dense import ROWS, ScaledReLUDense


def test_output_and_gradients_equal_automatic_differentiation():
    torch.manual_seed(0)
    shapes = (2 * ROWS + 5, 7), (7,), (7,), (7, 3)
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    x, scale, shift, kernel = inputs
    weights = torch.randn(shapes[0][0], 3, dtype=torch.float64)
    expected = torch.relu(x * scale + shift) @ kernel
    found = ScaledReLUDense.apply(x, scale, shift, kernel)
    torch.testing.assert_close(found, expected)
    right = torch.autograd.grad((expected * weights).sum(), inputs)
    for gradient, one in zip(torch.autograd.grad((found * weights).sum(), inputs), right, strict=True):
        torch.testing.assert_close(gradient, one)
