"""Time series to train forecasters on and to test them with, as a TFDS builder."""
