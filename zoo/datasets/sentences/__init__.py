"""Six sets of sentences with their classes, as a TFDS builder."""
