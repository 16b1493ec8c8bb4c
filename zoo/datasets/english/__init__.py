"""English text for language models, as a TFDS builder."""
