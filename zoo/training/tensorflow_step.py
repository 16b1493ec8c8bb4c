"""One training step on TensorFlow, traced once."""

import keras


def tensorflow_program(model, extremes: list):
    """Returns a training step that is traced once, for batches of every length.

    Keras traces one for the first shape that comes and another, for any length, when a second comes. That takes
    twice as long before the first step; and as the two may round differently, a resumed run, whose first batch is
    another one, would end some bits away.

    Args:
        model: A compiled model.
        extremes: The shortest batch and the longest, or one if all are as long.
    """
    import tensorflow as tf

    def spec(*arrays):
        shape = [sizes[0] if len(set(sizes)) == 1 else None for sizes in zip(*(a.shape for a in arrays), strict=True)]
        if len(arrays) > 1 and arrays[0].dtype.kind in "ib":  # ids of a document differ in two lengths
            shape[1:] = [None] * (len(shape) - 1)
        return tf.TensorSpec(shape, arrays[0].dtype)

    program = tf.function(model.train_step, reduce_retracing=True, jit_compile=model.jit_compile)
    program.get_concrete_function(keras.tree.map_structure(spec, *extremes))
    return program
