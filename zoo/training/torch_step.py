"""Loss and optimizer on torch, with few passes over memory: with a large vocabulary they take a third of a step."""

from collections.abc import Sequence

import torch
from torch.autograd.function import once_differentiable
from torch.optim.adam import adam


class Crossentropy(torch.autograd.Function):
    """Smoothed cross-entropy per position, with an explicit backward pass.

    The gradient of the logits is their probabilities minus the smoothed targets. Automatic differentiation makes three
    arrays of the size of the logits for it; this makes one.
    """

    @staticmethod
    def forward(ctx, logits, targets, smoothing: float):
        likely = torch.log_softmax(logits, dim=-1)
        targets = targets.long()[..., None]
        ctx.save_for_backward(likely, targets)
        ctx.smoothing = smoothing
        loss = -(1 - smoothing) * likely.gather(-1, targets)[..., 0]
        return loss - smoothing * likely.mean(-1) if smoothing else loss

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        likely, targets = ctx.saved_tensors
        upstream = upstream[..., None]
        gradient = likely.exp()
        uniform = ctx.smoothing / likely.shape[-1]
        torch.addcmul(-uniform * upstream, gradient, upstream, out=gradient)
        gradient.scatter_add_(-1, targets, (ctx.smoothing - 1) * upstream)
        return gradient, None, None


def adam_step(
    variables: Sequence[torch.Tensor],
    gradients: Sequence[torch.Tensor],
    momentums: Sequence[torch.Tensor],
    velocities: Sequence[torch.Tensor],
    step: int,
    rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """Apply Adam's step in place, in one pass, with Keras's formula.

    Args:
        variables: Weights of any shapes.
        gradients: In the same order, as all that follow.
        momentums: First moments.
        velocities: Second moments.
        step: Number of this step, from 1.
        rate: Learning rate.
        beta_1: Decay of the first moments.
        beta_2: Decay of the second moments.
        epsilon: Added to the root of the second moment before its bias is corrected, as in Kingma & Ba 2015 (arXiv
            1412.6980, end of section 2); torch adds it afterwards.
    """
    adam(
        list(variables),
        list(gradients),
        list(momentums),
        list(velocities),
        [],
        [torch.tensor(step - 1.0, device=variable.device) for variable in variables],  # torch adds 1 to each
        fused=True,
        amsgrad=False,
        beta1=beta_1,
        beta2=beta_2,
        lr=rate,
        weight_decay=0.0,
        eps=epsilon / (1 - beta_2**step) ** 0.5,
        maximize=False,
    )


def decay(variables: Sequence[torch.Tensor], kept: float) -> None:
    """Multiply each variable by ``kept`` in place; there may be none."""
    if not variables:  # torch refuses empty lists
        return
    torch._foreach_mul_(list(variables), kept)  # pyright: ignore[reportPrivateImportUsage]


def average(averages: Sequence[torch.Tensor], variables: Sequence[torch.Tensor], share: float) -> None:
    """Move each average towards its variable by ``share`` of the distance, in place; there may be none."""
    if not variables:
        return
    torch._foreach_lerp_(list(averages), list(variables), share)  # pyright: ignore[reportPrivateImportUsage]
