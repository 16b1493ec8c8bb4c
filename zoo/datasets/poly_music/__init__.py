"""Polyphonic music as piano rolls, as a TFDS builder."""
