"""Tatoeba, everyday sentences and their translations, as a TFDS builder."""
