"""Sentences and their classes, six sets, as a TFDS builder."""
