"""Linear recurrences on torch: a loop over time with a backward pass of its own.

See ``zoo.layers.linear_recurrence``.
"""

import torch
from torch.autograd.function import once_differentiable

from zoo.layers.linear_recurrence import gradients


def scan(decay, inputs, reverse: bool = False):
    """Returns all states ``(batch, time, units)``, one fused multiply-add a step, written where they stay."""
    states = torch.empty_like(inputs)
    # Views of all steps at once: to make them one by one takes as long as what is computed with them.
    time = inputs.shape[1]
    decays = [decay] * time if decay.dim() == 1 else decay.unbind(1)
    steps = list(zip(decays, inputs.unbind(1), states.unbind(1), strict=True))
    state = torch.zeros_like(inputs[:, 0])
    for now, x, out in reversed(steps) if reverse else steps:
        state = torch.addcmul(x, now, state, out=out)
    return states


class Scan(torch.autograd.Function):
    """``linear_scan`` from a state of zeros."""

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
    """``complex_scan`` from a state of zeros: parts of the decay and of the inputs in, parts of the states out."""

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
