"""CMUdict as a TFDS builder."""
