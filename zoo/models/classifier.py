"""A backbone and a head that gives one vector of logits for a whole sequence."""

import keras
from keras import ops

from zoo.layers.attention import NEGATIVE
from zoo.layers.dropout import Dropout
from zoo.models.backbone import Backbone


class Classifier(keras.Model):
    """Concat pooling over a backbone's positions (Howard & Ruder 2018, arXiv 1801.06146), and a dense layer.

    The head reads the last real position, the maximum and the mean of all real ones. Of a
    hierarchical attention network, which gives one vector a document, it reads that.

    Args:
        backbone: Maps inputs with a ``mask`` to ``(batch, time, width)`` or ``(batch, width)``.
        labels: Number of classes.
        dropout: Rate before the dense layer.
    """

    def __init__(self, backbone: keras.Model, labels: int, dropout: float):
        super().__init__(name=f"{backbone.name}_classifier")
        self.backbone = backbone
        self.drop = Dropout(dropout, name="head_drop")
        # In float32 also where the layers before compute in bfloat16, whose 8 bits are too few for likelihoods.
        self.head = keras.layers.Dense(labels, dtype="float32", name="head")

    def call(self, inputs, training=False):
        """Maps the backbone's inputs to logits, ``(batch, labels)``."""
        x = self.backbone(inputs, training=training)
        if isinstance(self.backbone, Backbone):
            x = concat_pooling(x, inputs["mask"])
        return self.head(self.drop(x, training=training))

    def build_variables(self) -> None:
        """Creates the head's variables; the backbone has its own already."""
        self.head.build((None, self.backbone.width * (3 if isinstance(self.backbone, Backbone) else 1)))
        self.built = True


def concat_pooling(x, mask):
    """Returns the last, the maximum and the mean over real positions.

    Args:
        x: ``(batch, time, width)``.
        mask: ``(batch, time)``, true where ``x`` is real: at one position of each row at least.

    Returns:
        ``(batch, 3 * width)``.
    """
    real = ops.cast(mask, x.dtype)[..., None]
    steps = ops.arange(ops.shape(x)[1])
    last = ops.max(ops.where(mask, steps[None], 0), axis=1)
    last = ops.take_along_axis(x, last[:, None, None], axis=1)[:, 0]
    highest = ops.max(ops.where(mask[..., None], x, ops.cast(NEGATIVE, x.dtype)), axis=1)
    mean = ops.sum(x * real, axis=1) / ops.sum(real, axis=1)
    return ops.concatenate([last, highest, mean], axis=-1)
