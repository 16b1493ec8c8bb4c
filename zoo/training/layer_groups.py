"""Groups of layers from the input to the head, for separate learning rates and gradual unfreezing."""

from collections.abc import Collection, Sequence

import keras

from zoo.backends.keras_internals import own_weights, sublayers
from zoo.layers.convolution import Convolution, DepthwiseConvolution
from zoo.models.seq2seq.seq2seq import Seq2Seq


class LayerGroups:
    """Groups of layers of a model.

    Args:
        model: The model.
        groups: Layers in order from the input to the head. Layers outside all groups are never frozen and have the rate
            of the head. The default is one empty group.
        new: Paths of freshly initialized variables; their layers are never frozen.
    """

    def __init__(self, model: keras.Model, groups: Sequence[Sequence[keras.Layer]] = ((),), new: Collection[str] = ()):
        self.model, self.groups, self.new = model, groups, new

    def __len__(self) -> int:
        return len(self.groups)

    def freeze_below(self, count: int) -> None:
        """Freeze the lowest ``count`` groups and unfreeze the others."""
        for place, group in enumerate(self.groups):
            for layer in group:
                layer.trainable = place >= count or any(v.path in self.new for v in layer.weights)

    def factor(self, variable: keras.Variable, decay: float) -> float:
        """Returns the factor of a variable's learning rate: ``decay`` times that of the group below."""
        for place, group in enumerate(self.groups):
            if any(variable is known for layer in group for known in layer.weights):
                return decay ** (place + 1 - len(self.groups))
        return 1.0


def layer_groups(model: keras.Model, new: Collection[str] = ()) -> LayerGroups:
    """Returns a task's model as groups: the embeddings, each layer of the stack, the head.

    A sequence-to-sequence model has four groups: embeddings, encoder, decoder, and output layer.

    Args:
        model: A model built by a task.
        new: Paths of the variables that do not come from a pretrained model.
    """
    layers = [layer for layer in model.layers if layer.weights]
    if hasattr(model, "backbone"):
        groups: list[list[keras.Layer]] = []
        for layer in model.backbone.layers:
            if groups and all(len(v.shape) < 2 for v in layer.weights):
                groups[-1].append(layer)  # norms alone join the group below
            else:
                groups.append([layer])
        return LayerGroups(model, [*groups, [layer for layer in layers if layer is not model.backbone]], new)
    assert isinstance(model, Seq2Seq)
    *embeddings, head = model.outer_layers()
    encoder = model.encoder_parts()
    decoder = [layer for layer in layers if layer not in (*embeddings, *encoder, head)]
    return LayerGroups(model, [embeddings, encoder, decoder, [head]], new)


# These kernels hold one matrix per gate. Other layers with several matrices declare ``matrices``.
_GATES = ((keras.layers.LSTMCell, 4), (keras.layers.GRUCell, 3))


def hidden_matrices(model: keras.Model) -> dict[str, int]:
    """Returns the number of concatenated matrices in each kernel of a model's hidden layers, by path.

    The kernel of a convolution, ``(taps, inputs, outputs)``, counts as one matrix ``(taps * inputs, outputs)``.
    Depthwise convolutions and the model's ``outer_layers`` (embeddings and output layers) are left out.
    """
    outer = model.outer_layers()
    matrices = {}

    def visit(layer: keras.Layer) -> None:
        count = next((gates for cell, gates in _GATES if isinstance(layer, cell)), getattr(layer, "matrices", 1))
        convolves = isinstance(layer, Convolution)
        names = ("kernel", "direction") if convolves else ("kernel", "recurrent_kernel")
        for weight in own_weights(layer):
            if isinstance(layer, DepthwiseConvolution) or len(weight.shape) != (3 if convolves else 2):
                continue
            if weight.name in names:
                matrices[weight.path] = count
        for part in sublayers(layer):
            if not any(part is one for one in outer):
                visit(part)

    visit(model)
    return matrices
