"""A backbone over subwords with a label a word and, if wanted, one for the whole sentence."""

import keras
from keras import ops

from zoo.layers.dropout import Dropout
from zoo.models.classifier import concat_pooling


class Tagger(keras.Model):
    """Joint tagging and classification, as in slot filling with intents (Liu & Lane 2016, arXiv 1609.01454).

    A word is read at its first subword; a sentence by concat pooling.

    Args:
        backbone: Maps ``tokens`` and ``mask`` to ``(batch, time, width)``.
        tags: Number of tags.
        labels: Number of the sentence's labels; 0 leaves that head out.
        dropout: Rate before the heads.
    """

    def __init__(self, backbone: keras.Model, tags: int, labels: int, dropout: float):
        super().__init__(name=f"{backbone.name}_tagger")
        self.backbone = backbone
        self.drop = Dropout(dropout, name="head_drop")
        # In float32 also where the layers before compute in bfloat16, whose 8 bits are too few for likelihoods.
        self.tag_head = keras.layers.Dense(tags, dtype="float32", name="tag_head")
        self.label_head = keras.layers.Dense(labels, dtype="float32", name="label_head") if labels else None

    def call(self, inputs, training=False):
        """Maps sentences to logits.

        Args:
            inputs: ``tokens`` and ``mask`` ``(batch, time)``; ``first (batch, words)``, the position of
                each word's first subword.
            training: Whether dropout acts.

        Returns:
            ``tags (batch, words, tags)`` and, with labels, ``label (batch, labels)``.
        """
        x = self.backbone({"tokens": inputs["tokens"], "mask": inputs["mask"]}, training=training)
        words = ops.take_along_axis(x, ops.cast(inputs["first"], "int32")[..., None], axis=1)
        out = {"tags": self.tag_head(self.drop(words, training=training))}
        if self.label_head is not None:
            pooled = concat_pooling(x, inputs["mask"])
            out["label"] = self.label_head(self.drop(pooled, training=training))
        return out

    def build_variables(self) -> None:
        """Creates the heads' variables; the backbone has its own already."""
        width = self.backbone.width
        self.tag_head.build((None, None, width))
        if self.label_head is not None:
            self.label_head.build((None, 3 * width))
        self.built = True
