"""WikiText-2, as a TFDS builder."""
