"""Linear recurrences on torch: a loop over time with an explicit backward pass.

See ``zoo.layers.linear_recurrence``.
"""

import torch
from torch.autograd.function import once_differentiable

from zoo.layers.linear_recurrence import gradients


def scan(decay, inputs, reverse: bool = False):
    """Returns all states ``(batch, time, units)``, with one fused multiply-add per step into the output."""
    states = torch.empty_like(inputs)
    # Take views of all steps at once; one by one, they take as long as the computation.
    time = inputs.shape[1]
    decays = [decay] * time if decay.dim() == 1 else decay.unbind(1)
    steps = list(zip(decays, inputs.unbind(1), states.unbind(1), strict=True))
    state = torch.zeros_like(inputs[:, 0])
    for now, x, out in reversed(steps) if reverse else steps:
        state = torch.addcmul(x, now, state, out=out)
    return states


class Scan(torch.autograd.Function):
    """``linear_scan`` from zeros."""

    @staticmethod
    def forward(ctx, decay, inputs):
        states = scan(decay, inputs)
        ctx.save_for_backward(decay, states)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        return gradients(*ctx.saved_tensors, upstream, scan)


class ComplexScan(torch.autograd.Function):
    """``complex_scan`` from zeros: takes parts of the decay and of the inputs, returns parts of the states."""

    @staticmethod
    def forward(ctx, decay_real, decay_imaginary, inputs_real, inputs_imaginary):
        decay = torch.complex(decay_real, decay_imaginary)
        states = scan(decay, torch.complex(inputs_real, inputs_imaginary))
        ctx.save_for_backward(decay, states)
        return states.real.contiguous(), states.imag.contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx, *upstream):
        of_decay, of_inputs = gradients(*ctx.saved_tensors, torch.complex(*upstream), scan)
        return of_decay.real, of_decay.imag, of_inputs.real, of_inputs.imag
