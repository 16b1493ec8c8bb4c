"""The adding problem, generated, as a TFDS builder."""
