"""A training step on TensorFlow that is traced once."""

import keras


def tensorflow_program(model, extremes: list):
    """Returns a training step, traced once for batches of every length.

    Keras traces one step for the first shape and another, for any length, at the second shape. That doubles the time to
    start. The two may round differently. A resumed run begins with another batch, so its weights could then differ in
    the last bits.

    Args:
        model: A compiled model.
        extremes: The shortest and the longest batch, or one if all have the same length.
    """
    import tensorflow as tf

    def spec(*arrays):
        shape = [sizes[0] if len(set(sizes)) == 1 else None for sizes in zip(*(a.shape for a in arrays), strict=True)]
        if len(arrays) > 1 and arrays[0].dtype.kind in "ib":  # ids of a document have two variable lengths
            shape[1:] = [None] * (len(shape) - 1)
        return tf.TensorSpec(shape, arrays[0].dtype)

    program = tf.function(model.train_step, reduce_retracing=True, jit_compile=model.jit_compile)
    program.get_concrete_function(keras.tree.map_structure(spec, *extremes))
    return program
