"""A scaled ReLU before a dense layer on torch, in parts that stay in the processor's cache.

On a large grid, automatic differentiation makes about ten passes over memory for it, which take as long as the matrix
products. Here each part of the rows is finished before the next one begins.
"""

import torch
from torch.autograd.function import once_differentiable

ROWS = 1024


class ScaledReLUDense(torch.autograd.Function):
    """``relu(x * scale + shift) @ kernel``, with an explicit backward pass.

    ``apply`` takes ``x (rows, features)``, ``scale`` and ``shift (features,)``, and ``kernel (features, units)``. It
    returns ``(rows, units)``. The backward pass computes the ReLU again instead of keeping it.
    """

    @staticmethod
    def forward(ctx, x, scale, shift, kernel):
        ctx.save_for_backward(x, scale, shift, kernel)
        y = x.new_empty(len(x), kernel.shape[1])
        for part, out in zip(x.split(ROWS), y.split(ROWS), strict=True):
            torch.mm(torch.addcmul(shift, part, scale).clamp_(min=0), kernel, out=out)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        x, scale, shift, kernel = ctx.saved_tensors
        d_x = torch.empty_like(x)
        d_scale, d_shift, d_kernel = (torch.zeros_like(value) for value in (scale, shift, kernel))
        for part, above, below in zip(x.split(ROWS), upstream.split(ROWS), d_x.split(ROWS), strict=True):
            y = torch.addcmul(shift, part, scale).clamp_(min=0)
            d_kernel.addmm_(y.t(), above)
            torch.mm(above, kernel.t(), out=below)
            below.mul_(y > 0)
            d_shift += below.sum(0)
            d_scale += torch.mul(below, part, out=y).sum(0)
            below.mul_(scale)
        return d_x, d_scale, d_shift, d_kernel
