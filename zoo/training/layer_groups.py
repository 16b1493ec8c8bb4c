"""The layers of a model from the lowest to the head, for training them at different rates and times."""

from collections.abc import Collection, Sequence

import keras

from zoo.backends.keras_internals import own_weights, sublayers
from zoo.models.seq2seq.seq2seq import Seq2Seq


class LayerGroups:
    """Groups of layers of a model.

    Args:
        model: The model.
        groups: Its layers, those next to the input first, the head last; what is in none of them is never
            frozen and has the rate of the head. By default there is one group with nothing in it.
        new: Paths of variables that start fresh: no layer of theirs is ever frozen.
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
        """Returns what the rate of a variable is multiplied by: each group's is ``decay`` times that below."""
        for place, group in enumerate(self.groups):
            if any(variable is known for layer in group for known in layer.weights):
                return decay ** (place + 1 - len(self.groups))
        return 1.0


def layer_groups(model: keras.Model, new: Collection[str] = ()) -> LayerGroups:
    """Returns a task's model as groups: the embeddings, each layer of the stack above them, the head.

    A model that writes a text has four: embeddings, encoder, decoder, and what chooses symbols.

    Args:
        model: A model that a task built.
        new: Paths of the variables that were not taken from a pretrained model.
    """
    layers = [layer for layer in model.layers if layer.weights]
    if hasattr(model, "backbone"):
        groups: list[list[keras.Layer]] = []
        for layer in model.backbone.layers:
            if groups and all(len(v.shape) < 2 for v in layer.weights):
                groups[-1].append(layer)  # a norm alone, or nothing to learn: no step of its own
            else:
                groups.append([layer])
        return LayerGroups(model, [*groups, [layer for layer in layers if layer is not model.backbone]], new)
    assert isinstance(model, Seq2Seq)
    *embeddings, head = model.outer_layers()
    encoder = model.encoder_parts()
    decoder = [layer for layer in layers if layer not in (*embeddings, *encoder, head)]
    return LayerGroups(model, [embeddings, encoder, decoder, [head]], new)


# Kernels of these layers hold one matrix per gate. Other layers declare ``matrices`` where they have more than one.
_GATES = ((keras.layers.LSTMCell, 4), (keras.layers.GRUCell, 3))


def hidden_matrices(model: keras.Model) -> dict[str, int]:
    """Returns the number of matrices side by side in each kernel of a model's hidden layers, by path.

    Left out are convolutions, and the model's ``outer_layers``: embeddings and output layers.
    """
    outer = model.outer_layers()
    matrices = {}

    def visit(layer: keras.Layer) -> None:
        count = next((gates for cell, gates in _GATES if isinstance(layer, cell)), getattr(layer, "matrices", 1))
        for weight in own_weights(layer):
            if weight.name in ("kernel", "recurrent_kernel") and len(weight.shape) == 2:
                matrices[weight.path] = count
        for part in sublayers(layer):
            if not any(part is one for one in outer):
                visit(part)

    visit(model)
    return matrices
