"""The GRU's own loop on torch: its gradients against differences, outputs and gradients against ``torch.nn.GRU``."""

import pytest
import torch

from zoo.layers.torch_gru import GRULoop


@pytest.mark.parametrize(("time", "batch", "units"), [(1, 1, 1), (5, 2, 3), (4, 3, 2)])
def test_gradients_equal_differences(time, batch, units):
    torch.manual_seed(0)
    shapes = [(time, batch, 3 * units), (batch, units), (units, 3 * units), (3 * units,)]
    arguments = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(GRULoop.apply, arguments)


def test_outputs_and_gradients_equal_those_of_torch():
    torch.manual_seed(0)
    time, batch, units = 7, 3, 5
    reference = torch.nn.GRU(4, units, dtype=torch.float64)
    x = torch.randn(time, batch, 4, dtype=torch.float64, requires_grad=True)
    state = torch.randn(batch, units, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(time, batch, units, dtype=torch.float64)

    def ordered(w):  # torch has reset, update, candidate
        reset, update, candidate = w.chunk(3)
        return torch.cat([update, reset, candidate]).transpose(0, -1)

    kernel, recurrent, bias, inner = (ordered(w) for w in reference.parameters())
    result = GRULoop.apply(x @ kernel + bias, state, recurrent, inner)
    expected, _ = reference(x, state[None])
    torch.testing.assert_close(result, expected)
    leaves = [x, state, *reference.parameters()]
    ours, expected_gradients = (torch.autograd.grad((states * weight).sum(), leaves) for states in (result, expected))
    torch.testing.assert_close(ours, expected_gradients)
