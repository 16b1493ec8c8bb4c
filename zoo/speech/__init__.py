"""Whole sentences to phones: text normalization, a dictionary, homographs, and a pronunciation model for the rest."""
